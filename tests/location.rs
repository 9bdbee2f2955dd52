//! Where devices stand, on the command line: inventories imported, tickets' ways shown.

#[path = "support/site.rs"]
#[allow(dead_code, reason = "each test takes what it needs of a site")]
mod site;

use site::Site;

const INVENTORY: &str = "Name;Locations;Network - IP;Alternate username\n\
                         node7;B2 > R41;10.1.2.3;Jana\nnode8;B7 > R2;10.1.2.4;Bo\nnode9;B3 > R1;;\n";

fn imported() -> Site {
    let site = Site::new();
    site.file("inventory.csv", INVENTORY);
    site.run(&["device", "import", "inventory.csv"]).ok();
    site
}

#[test]
fn an_import_shows_what_changes_and_a_dry_run_changes_nothing() {
    let site = imported();
    let next = "name,building,room,owner\nnode7,B2,R42,Jana\nnode8,B7,R2,Ann\nnode9,B3,R1,\nnode10,B3,R2,\n";
    site.file("next.csv", next);
    let would = site.run(&["device", "import", "next.csv", "--dry-run"]).ok();
    assert_eq!(
        would,
        "4 location records; would be 1 added, 0 removed, 1 moved, 1 changed otherwise\n  + node10\n  \
         > node7: B2/R41 → B2/R42\n  ~ node8\n"
    );
    assert_eq!(site.run(&["device", "import", "next.csv"]).ok(), would.replace("would be ", ""));
    let again = site.run(&["device", "import", "next.csv", "--json"]).json();
    assert_eq!(
        (&again["schema"], &again["moved"]["count"]),
        (&"autoticket.device-import/1".into(), &0.into())
    );
    let log = site.run(&["audit", "log"]).ok();
    assert!(log.contains("device import"), "{log}");
}

#[test]
fn an_import_from_which_half_vanishes_is_refused_and_so_is_half_a_file() {
    let site = imported();
    site.file("short.csv", "name,building\nnode7,B2\n");
    let refused = site.run(&["device", "import", "short.csv"]);
    assert_eq!(
        refused.failure(),
        (
            65,
            "autoticket: 2 of 3 location records would vanish: refused",
            "hint: autoticket device import FILE --dry-run shows what would go; --force imports it"
        )
    );
    site.file("cut.json", "{\"_meta\": {\"hostvars\": {\"node7\": {}, \"node8\": {}, \"node9\": {}");
    let cut = site.run(&["device", "import", "cut.json", "--force"]);
    assert_eq!((cut.exit, cut.err.lines().nth(1)), (65, Some("nothing was imported")), "{}", cut.err);
    assert!(site.run(&["device", "show", "10.1.2.3"]).ok().contains("node7 stands in B2/R41"));
    site.run(&["device", "import", "short.csv", "--force"]).ok();
}

#[test]
fn two_records_for_one_name_or_address_and_bad_rows_are_told_and_void_no_other() {
    let site = Site::new();
    let text = "name,ip,room\nnode7,10.1.2.3,R1\nnode8,10.1.2.3,R2\nnode7,,R3\n\u{1b}[31mbad,,\nnode9,999,\nnode10,,R4\n";
    site.file("i.csv", text);
    let gave = site.run(&["device", "import", "i.csv"]);
    assert_eq!(gave.exit, 1, "{}", gave.err);
    assert_eq!(
        gave.err,
        "autoticket: i.csv:5:1: `\\x1b[31mbad` is no name of a device\n\
         autoticket: i.csv:6:1: `999` is no IP address\n\
         autoticket: i.csv:4: name node7 stands in line 2 already; this row was not taken\n\
         autoticket: i.csv:3: address 10.1.2.3 of node8 is also that of node7, line 2\n"
    );
    assert!(gave.out.starts_with("3 location records; 3 added"), "{}", gave.out);
}

#[test]
fn a_device_shows_what_the_records_say_beside_what_its_alerts_said() {
    let site = imported();
    site.alert(1, "node7", "disk");
    let shown = site.run(&["device", "show", "NODE7"]).ok();
    assert!(
        shown.contains("location records  verified: node7 stands in B2/R41 (inventory.csv:2)\n"),
        "{shown}"
    );
    let view = site.run(&["device", "show", "node7", "--json"]).json();
    assert_eq!(view["location"]["record"]["owner"], "Jana");
    let unknown = site.run(&["device", "show", "node99"]);
    assert_eq!(unknown.failure().1, "autoticket: no alert of a device node99 was ever counted");
}

#[test]
fn the_way_to_a_center_is_shown_step_by_step_with_the_places_in_the_rules() {
    let site = imported();
    site.file(
        "rules/conf.d/centers.yaml",
        "centers:\n  east: {name: East, mail: [east@example.com], zone: UTC, hours: 'Mon-Fri 07:00-17:30', duty: servicedesk}\n\
         buildings:\n  B2: {center: east, mail: [b2@example.com]}\n  B7: {staff: none, near: [B2]}\n",
    );
    // The clock stands at Thursday, 18:00 UTC.
    let shown = site.run(&["rules", "test", "--route", "node8", "--building", "B2", "--room", "R9"]).ok();
    let lines: Vec<&str> = shown.lines().map(|line| line.get(18..).unwrap_or(line)).collect();
    assert_eq!(
        lines[..10],
        [
            "node8",
            "corrected: alert said B2/R9, records say B7/R2 (inventory.csv:3)",
            "B7",
            "R2",
            "building B7 has no service staff (conf.d/centers.yaml:5)",
            "building B2 is its first neighbour with staff (conf.d/centers.yaml:5)",
            "building B2 has a queue of its own (conf.d/centers.yaml:4)",
            "it serves building B2 (conf.d/centers.yaml:4)",
            "East is closed at Thu 18:00 UTC, opens Fri 2026-03-13 07:00 UTC (conf.d/centers.yaml:2)",
            "Service desk is on duty for East (conf.d/centers.yaml:2)",
        ]
    );
    let open = ["rules", "test", "--route", "node8", "--at", "2026-03-12T12:00:00Z", "--json"];
    let view = site.run(&open).json();
    assert_eq!((&view["schema"], &view["center"]), (&"autoticket.route/1".into(), &"east".into()));
    assert_eq!(view["mail"][0], "b2@example.com");
    let unknown = site.run(&["rules", "test", "--route", "node8", "--failure", "heat"]);
    assert_eq!(unknown.exit, 64, "{}", unknown.err);
}

#[test]
fn every_seed_of_inventories_has_a_record() {
    use autoticket::location::{Format, read};
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/inventory");
    for (file, format) in [
        ("netbox.csv", Format::Csv),
        ("glpi.csv", Format::Csv),
        ("ansible.json", Format::Ansible),
        ("native.yaml", Format::Yaml),
    ] {
        let bytes = std::fs::read(folder.join(file)).expect("a seed");
        assert!(read(format, file, bytes.as_slice()).any(|item| item.is_ok()), "{file}");
    }
}

#[test]
fn doctor_tells_of_an_inventory_that_changed_since_its_import() {
    let site = imported();
    let doctor = |site: &Site| site.run(&["doctor"]).out;
    let told = "warn records: inventory.csv changed since it was imported at 2026-03-12 18:00:00Z\n     hint: autoticket device import inventory.csv\n";
    assert!(doctor(&site).contains(told), "{}", doctor(&site));
    site.dated("inventory.csv", 1_773_000_000);
    let told = "ok   records: 3 location records, imported from inventory.csv at 2026-03-12 18:00:00Z\n";
    assert!(doctor(&site).contains(told), "{}", doctor(&site));
}
