//! Where the real mails and logs are that nobody on this project wrote, if they are at hand.

use std::path::{Path, PathBuf};

/// The folder `mail` of the corpus.
#[allow(dead_code, reason = "each test takes what it needs")]
pub fn mails() -> Option<PathBuf> {
    folder("mail")
}

/// A folder of the corpus beside the project, or of `AUTOTICKET_CORPUS`; says so where it is not.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests ask where it is and say that it is not"
)]
pub fn folder(kind: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("AUTOTICKET_CORPUS").map_or_else(beside, PathBuf::from).join(kind);
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", folder.display());
        return None;
    }
    Some(folder)
}
