//! Claims about a journal that somebody changed, cut, put back or removed: each row is named, and nothing is issued.

use super::tests::{approve, at, claim, command, ended, folder, note, open, person};
use super::*;
use rusqlite::types::Value;
use std::slice::from_ref;

const FREE: &str = "DROP TRIGGER record_stays; DROP TRIGGER record_is_kept;";
const BIND: &str = "
CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
CREATE TRIGGER record_is_kept BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
";

/// One of everything: confirmed and told, unknown and reissued, failed, withdrawn, serviced.
fn full(folder: &tempfile::TempDir) -> Journal {
    let journal = open(folder);
    let (one, two, three) =
        (command("J1.1", &["node7", "node8"]), command("J2.1", &["node9"]), command("J3.1", &["node10"]));
    approve(&journal, &[one.clone(), two.clone(), three.clone()], &[]);
    let key = claim(&journal, &one).expect("ours");
    note(&journal, &[Step::Started { key: key.clone(), program: 7 }]);
    note(
        &journal,
        &[ended(&key, End::Exit(0), &[("node7", Verdict::Confirmed), ("node8", Verdict::Confirmed)])],
    );
    journal.told(&[1], &person("ada"), at(5)).expect("kept");
    let lost = claim(&journal, &two).expect("ours");
    let detail = serde_json::json!({"was": "intent", "why": "it is gone"});
    journal.at_once(|db| fold::enter(db, at(6), &person("x"), "unknown", &lost, &detail)).expect("kept");
    let next = approve(&journal, from_ref(&two), &[&lost]).remove(0).expect("consented");
    assert_eq!(claim(&journal, &two), Ok(next.clone()));
    let list = Some(PathBuf::from("/var/lib/list"));
    let verdicts = vec![("node9".to_owned(), Verdict::Failed("no route".into()))];
    note(&journal, &[Step::Ended { key: next, end: End::Exit(1), list, verdicts }]);
    let key = approve(&journal, from_ref(&three), &[]).remove(0).expect("approved");
    assert!(journal.withdraw(&key, &person("bob"), at(7)).expect("kept"));
    journal.keep_servicing("is38", at(8), &person("ada"), at(9)).expect("kept");
    journal
}

/// What is found wrong after a forgery, which is undone again.
fn found(journal: &Journal, forgery: &str) -> Vec<String> {
    journal.connection.execute_batch(&format!("BEGIN; {FREE} {forgery}; {BIND}")).expect(forgery);
    let found = journal.verified().expect("read");
    journal.connection.execute_batch("ROLLBACK").expect("undone");
    match found {
        Chain::Whole { .. } => Vec::new(),
        Chain::Broken { faults } => faults.iter().map(Fault::words).collect(),
    }
}

fn columns(journal: &Journal, table: &str) -> Vec<(String, String, bool)> {
    let sql = format!("SELECT name,type,pk>0 FROM pragma_table_info('{table}')");
    let mut statement = journal.connection.prepare(&sql).expect("a statement");
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).expect("columns");
    rows.collect::<Result<_, _>>().expect("columns")
}

fn keys(journal: &Journal, table: &str, key: &str) -> Vec<Vec<Value>> {
    let sql = format!("SELECT {key} FROM {table}");
    let mut statement = journal.connection.prepare(&sql).expect("a statement");
    let count = key.split(',').count();
    let rows = statement.query_map([], |r| (0..count).map(|at| r.get(at)).collect()).expect("rows");
    rows.collect::<Result<_, _>>().expect("rows")
}

fn sql(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => format!("'{text}'"),
        other => panic!("{other:?} is no key"),
    }
}

#[test]
fn every_column_of_every_row_of_every_table_is_compared_with_the_record() {
    let folder = folder();
    let journal = full(&folder);
    assert_eq!(found(&journal, ""), Vec::<String>::new(), "what nobody touched is whole");
    let mut forged = 0;
    for (table, key) in
        [("command", "key"), ("recipient", "job,name"), ("confirmation", "id"), ("servicing", "server")]
    {
        let names: Vec<&str> = key.split(',').collect();
        let rows = keys(&journal, table, key);
        assert!(!rows.is_empty(), "{table}");
        for row in rows {
            let which: Vec<String> =
                names.iter().zip(&row).map(|(name, value)| format!("{name}={}", sql(value))).collect();
            let which = which.join(" AND ");
            let place = row.iter().map(|value| sql(value).replace('\'', "")).collect::<Vec<_>>().join(" ");
            let place = format!("{table} {place}: ");
            for (column, kind, is_key) in columns(&journal, table) {
                let other = match kind.as_str() {
                    "INTEGER" => format!("coalesce({column},0)+100"),
                    _ => format!("coalesce({column},'')||'x'"),
                };
                let said = found(&journal, &format!("UPDATE {table} SET {column}={other} WHERE {which}"));
                let expected = if is_key { "gone".to_owned() } else { format!("{column} is ") };
                let named = said.iter().any(|fault| fault.starts_with(&format!("{place}{expected}")));
                assert!(named, "{place}{column}: {said:?}");
                let added = said.iter().any(|fault| fault.contains("added: the record knows nothing of it"));
                assert_eq!(added, is_key, "{place}{column}: {said:?}");
                assert_eq!(said.len(), if is_key { 2 } else { 1 }, "{place}{column}: {said:?}");
                forged += 1;
            }
            let said = found(&journal, &format!("DELETE FROM {table} WHERE {which}"));
            assert_eq!(said, [format!("{place}gone: the record has it")]);
        }
    }
    assert!(forged > 100, "{forged}");
    let added = "INSERT INTO recipient VALUES('job','node1','key','confirmed',NULL)";
    assert_eq!(
        found(&journal, added),
        ["recipient job node1: added: the record knows nothing of it".to_owned()]
    );
}

#[test]
fn every_change_gap_and_addition_in_the_record_is_named() {
    let folder = folder();
    let journal = full(&folder);
    let (last, _) = chain::end(&journal.connection).expect("an end");
    for row in 1..=last {
        for (column, kind, is_key) in columns(&journal, "record") {
            let other = if kind == "INTEGER" { format!("{column}+100") } else { format!("{column}||' '") };
            let said = found(&journal, &format!("UPDATE record SET {column}={other} WHERE id={row}"));
            let changed = format!("row {row}: changed");
            let expected = if is_key { format!("row {row}: gone") } else { changed };
            let at_the_end = is_key && row == last;
            let named = said.iter().any(|fault| fault.starts_with(&expected))
                || (at_the_end && said.iter().any(|fault| fault.contains(": gone")));
            assert!(named, "row {row}, {column}: {said:?}");
        }
        let said = found(&journal, &format!("DELETE FROM record WHERE id={row}"));
        assert!(said.iter().any(|fault| fault.starts_with(&format!("row {row}: gone"))), "{said:?}");
    }
    let said = found(&journal, &format!("DELETE FROM record WHERE id>{}", last - 3));
    assert!(
        said.iter().any(|fault| fault.starts_with(&format!("rows {} to {last}: gone", last - 2))),
        "{said:?}"
    );
}

#[test]
fn a_record_written_anew_to_its_end_is_noticed_by_the_head_beside_it() {
    let folder = folder();
    let journal = full(&folder);
    let (last, hash) = chain::end(&journal.connection).expect("an end");
    // Added as we add, with every table and hash as they should be, but by somebody who does not keep the head.
    let eve = person("eve");
    journal
        .transaction(|db| {
            fold::enter(db, at(9), &eve, "servicing", "is39", &serde_json::json!({"until": at(9)}))
        })
        .expect("forged");
    let fault = |journal: &Journal| match journal.verify().expect("read") {
        Chain::Whole { .. } => panic!("it looks whole"),
        Chain::Broken { faults } => faults.iter().map(Fault::words).collect::<Vec<_>>(),
    };
    let (row, first) = (last + 1, journal.entries(1).expect("a row").remove(0));
    assert_eq!((first.id, first.who.name.as_str()), (row, "eve"));
    let added = format!(
        "rows {row} to {row}: added by nobody who keeps redistribution-head, which ends with row {last}"
    );
    assert_eq!(fault(&journal), [added]);
    // Whoever has it open already issues nothing by it either.
    let refused = journal.keep_servicing("is38", at(9), &person("ada"), at(9)).expect_err("refused");
    assert!(matches!(refused, Error::Journal { .. }), "{refused}");
    journal
        .transaction(|db| {
            db.execute_batch(&format!("{FREE} DELETE FROM record WHERE id>={last}; {BIND}"))
                .doing("forge")?;
            db.execute("DELETE FROM servicing", []).doing("forge")?;
            db.execute("DELETE FROM meta WHERE key='head'", []).doing("forge")?;
            fold::enter(db, at(9), &eve, "servicing", "is39", &serde_json::json!({"until": at(9)}))
        })
        .expect("forged");
    assert_ne!(chain::end(&journal.connection).expect("an end"), (last, hash));
    let faults = fault(&journal);
    assert!(
        faults[0].contains(&format!("row {last}: another one than redistribution-head knows")),
        "{faults:?}"
    );
}

#[test]
fn meta_schema_and_pages_are_looked_at_as_well() {
    let folder = folder();
    let journal = full(&folder);
    let (last, hash) = chain::end(&journal.connection).expect("an end");
    for (forgery, expected) in [
        (
            "UPDATE meta SET value='1 x' WHERE key='head'",
            format!("meta head: is 1 x, the record ends with {last} {hash}"),
        ),
        (
            "DELETE FROM meta WHERE key='head'",
            format!("meta head: is nothing, the record ends with {last} {hash}"),
        ),
        ("UPDATE meta SET value='x' WHERE key='id'", "meta id: is not that of redistribution-id".into()),
        ("INSERT INTO meta VALUES('more','x')", "meta more: added".into()),
        ("CREATE TABLE more(x)", "table more: added".into()),
        ("DROP INDEX taken", "index taken: gone".into()),
        (
            "DROP INDEX taken; CREATE INDEX taken ON recipient(key) WHERE state='x'",
            "index taken: changed".into(),
        ),
    ] {
        assert_eq!(found(&journal, forgery), [expected], "{forgery}");
    }
    journal.connection.execute_batch(FREE).expect("forged");
    let Chain::Broken { faults } = journal.verify().expect("read") else { panic!("whole") };
    let words: Vec<String> = faults.iter().map(Fault::words).collect();
    assert_eq!(words, ["trigger record_is_kept: gone", "trigger record_stays: gone"]);
    assert!(matches!(Journal::open(folder.path(), at(0)), Err(Error::Journal { .. })));
    drop(journal);
    let path = folder.path().join(JOURNAL);
    let mut bytes = fs::read(&path).expect("ours");
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0x5a);
    fs::write(&path, bytes).expect("ours");
    let refused = Journal::open(folder.path(), at(0)).expect_err("refused");
    assert!(matches!(refused, Error::Journal { .. }), "{refused:?}");
}

fn refusal(folder: &tempfile::TempDir) -> String {
    match Journal::open(folder.path(), at(0)) {
        Err(Error::Journal { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_older_copy_a_journal_that_is_gone_and_one_without_its_head_or_id_are_refused() {
    let folder = folder();
    let journal = open(&folder);
    let one = command("J1.1", &["node7"]);
    approve(&journal, from_ref(&one), &[]);
    let path = folder.path().join(JOURNAL);
    let older = fs::read(&path).expect("ours");
    let older_head = fs::read(folder.path().join(JOURNAL_HEAD)).expect("ours");
    claim(&journal, &one).expect("ours");
    journal.close().expect("closed");
    let newer = fs::read(&path).expect("ours");
    fs::write(&path, &older).expect("ours");
    assert_eq!(
        refusal(&folder),
        "row 2: gone: redistribution-head knows of row 2; the record was cut, or is that of an older copy"
    );
    fs::write(&path, &newer).expect("ours");
    fs::write(folder.path().join(JOURNAL_HEAD), older_head).expect("ours");
    assert!(refusal(&folder).starts_with("rows 2 to 2: added by nobody"));
    fs::remove_file(folder.path().join(JOURNAL_HEAD)).expect("ours");
    assert_eq!(refusal(&folder), "redistribution-head: it is gone");
    fs::write(folder.path().join(JOURNAL_HEAD), "").expect("ours");
    assert_eq!(refusal(&folder), "redistribution-head: it does not say where the record ends");
    let id = fs::read(folder.path().join(JOURNAL_ID)).expect("ours");
    fs::remove_file(folder.path().join(JOURNAL_ID)).expect("ours");
    assert_eq!(refusal(&folder), "redistribution-id: it is gone, and the record is not empty");
    fs::write(folder.path().join(JOURNAL_ID), id).expect("ours");
    // All of it gone, but commands left their output: never begun anew.
    fs::create_dir(folder.path().join(LOGS)).expect("ours");
    fs::write(folder.path().join(LOGS).join("x.log"), "").expect("ours");
    for name in [JOURNAL, JOURNAL_ID, JOURNAL_HEAD] {
        fs::remove_file(folder.path().join(name)).expect("ours");
        assert!(Journal::was_begun(folder.path()));
        assert!(refusal(&folder).contains("gone"), "{name}");
    }
    fs::remove_dir_all(folder.path().join(LOGS)).expect("ours");
    assert!(!Journal::was_begun(folder.path()));
}

#[test]
fn what_a_crash_leaves_behind_the_head_is_caught_up_with() {
    let folder = folder();
    let journal = open(&folder);
    let one = command("J1.1", &["node7"]);
    approve(&journal, from_ref(&one), &[]);
    claim(&journal, &one).expect("ours");
    let path = folder.path().join(JOURNAL_HEAD);
    let whole = fs::read_to_string(&path).expect("ours");
    // Killed after the COMMIT: before, in and after the writing of the last line.
    let announced = whole.rfind("is ").expect("a line");
    for cut in [announced, announced + 1, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).expect("ours");
        assert!(matches!(journal.verify().expect("read"), Chain::Whole { rows: 2, .. }));
        drop(open(&folder));
        assert_eq!(fs::read_to_string(&path).expect("ours"), whole);
    }
    // Killed before the COMMIT: what was announced never was.
    fs::write(&path, format!("{whole}next 3 abc\n")).expect("ours");
    journal.keep_servicing("is38", at(1), &person("ada"), at(1)).expect("kept");
    assert!(matches!(open(&folder).verify().expect("read"), Chain::Whole { rows: 3, .. }));
    // It does not grow for ever.
    for second in 0..150 {
        journal.keep_servicing("is38", at(second), &person("ada"), at(1)).expect("kept");
    }
    assert!(fs::metadata(&path).expect("a head").len() < 20_000);
    assert!(matches!(open(&folder).verify().expect("read"), Chain::Whole { rows: 153, .. }));
}
