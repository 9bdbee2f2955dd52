//! What is no logfile is refused in words, and nothing waits for it.

use super::*;
use std::os::unix::net::UnixListener;

fn fault(path: PathBuf) -> Fault {
    let (found, report) = read_all(&[path]);
    assert_eq!(found, []);
    let [fault] = &report.faults[..] else { panic!("{:?}", report.faults) };
    fault.clone()
}

#[test]
fn pipes_sockets_and_devices_are_refused_without_waiting() {
    let folder = Folder::new();
    let pipe = folder.path("pipe.log");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .expect("a pipe");
    let _socket = UnixListener::bind(folder.path("socket.log")).expect("a socket");
    for (path, words) in
        [(pipe, "named pipe"), (folder.path("socket.log"), "socket"), (PathBuf::from("/dev/zero"), "device")]
    {
        let fault = fault(path);
        assert_eq!(fault.kind, Kind::Refused);
        assert!(fault.text.contains(words), "{fault}");
    }
}

#[test]
fn in_a_folder_they_are_left_with_the_reason() {
    let folder = Folder::new();
    let pipe = folder.path("d/pipe.log");
    folder.write("d/x.log", "one\n");
    folder.write("d/.hidden", "two\n");
    folder.write("d/inner/y.log", "three\n");
    folder.write("elsewhere", "four\n");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .expect("a pipe");
    std::os::unix::fs::symlink(folder.path("elsewhere"), folder.path("d/link")).expect("a link");
    let paths = [folder.path("d")];
    let (found, report) = read_all(&paths);
    assert_eq!(texts(&found), ["one"]);
    let left: Vec<(String, &str)> = report.left.iter().map(|l| (name_of(&l.file), &l.why[..8])).collect();
    let expected =
        [("inner", "a folder"), ("link", "a link i"), ("pipe.log", "a named "), (".hidden", "hidden: ")];
    assert_eq!(left, expected.map(|(name, why)| (name.to_owned(), why)));
    let (found, _) = read(choose(&Wanted { depth: 1, ..wanted(&paths) }), &small(), 1);
    assert_eq!(texts(&found), ["one", "three"]);
    // A link given by hand is followed.
    assert_eq!(texts(&read_all(&[folder.path("d/link")]).0), ["four"]);
}

#[test]
fn a_missing_file_and_one_that_may_not_be_read_are_told() {
    let folder = Folder::new();
    let gone = fault(folder.path("gone.log"));
    assert_eq!((gone.kind, gone.text.as_str()), (Kind::Missing, "there is no such file"));
    assert!(gone.to_string().ends_with("gone.log: there is no such file"), "{gone}");
    let denied = open::fault_of(Path::new("x"), &std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert_eq!(denied.kind, Kind::Denied);
}

#[test]
fn a_folder_of_too_many_files_is_bounded() {
    let folder = Folder::new();
    for n in 0..20 {
        folder.write(&format!("{n}.log"), "one\n");
    }
    let paths = [folder.0.path().to_owned()];
    let limits = Limits { files: 10, ..small() };
    let (found, report) = read(choose(&Wanted { limits, ..wanted(&paths) }), &small(), 1);
    assert_eq!((found.len(), report.faults.len()), (10, 1));
    assert_eq!(report.faults[0].kind, Kind::Many);
}

#[test]
fn more_files_than_may_be_open_are_read() {
    let folder = Folder::new();
    for n in 0..700 {
        folder.write(&format!("{n}.log"), format!("{n}\n"));
    }
    let paths = [folder.0.path().to_owned()];
    let (found, report) = read_all(&paths);
    assert_eq!((found.len(), report.faults), (700, vec![]));
}

#[test]
fn the_report_is_plain_json() {
    let folder = Folder::new();
    let (_, report) = read_all(&[folder.write("x.log", "one\ntwo\n"), folder.path("gone.log")]);
    let json = serde_json::to_value(&report).expect("plain data");
    assert_eq!(json["files"][0]["lines"], 2);
    assert_eq!(json["faults"][0]["kind"], "missing");
    assert_eq!((&json["bytes_read"], &json["text_bytes"]), (&16.into(), &8.into()));
}
