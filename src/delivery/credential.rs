//! The password for SMTP, from a file that only we can read.
//!
//! In: the names the rules give and the credentials directory of the service. Out: user and password. A
//! password is never taken from the command line, the rules or the environment.

use super::Error;
use lettre::transport::smtp::authentication::Credentials;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// More than any password; a credential file is not read further.
const LIMIT: u64 = 4096;

/// User and password, or `None` where the rules name no user.
pub(super) fn login(
    user: Option<&str>,
    credential: Option<&str>,
    directory: Option<&Path>,
) -> Result<Option<Credentials>, Error> {
    let Some(user) = user else { return Ok(None) };
    let name = credential.ok_or_else(|| Error::UserWithoutCredential { user: user.into() })?;
    Ok(Some(Credentials::new(user.to_owned(), password(name, directory)?)))
}

fn password(name: &str, directory: Option<&Path>) -> Result<String, Error> {
    let (path, forbidden) = place(name, directory)?;
    let failed = |source| Error::Credential { path: path.clone(), source };
    let file = File::open(&path).map_err(failed)?;
    // Asked of the open file, not of its name, which may be another file by now.
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    if about.mode() & forbidden != 0 {
        return Err(Error::ExposedCredential { path, mode: about.mode() & 0o7777 });
    }
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).map_err(failed)?;
    match text.lines().next() {
        None | Some("") => Err(Error::EmptyCredential { path }),
        Some(password) => Ok(password.to_owned()),
    }
}

/// Where the credential is and which mode bits it must not have.
///
/// systemd gives the service's user access to a loaded credential by an ACL, whose mask shows as group
/// permission (0440); its directory admits only that user. So only the bits for others count there.
fn place(name: &str, directory: Option<&Path>) -> Result<(PathBuf, u32), Error> {
    let path = Path::new(name);
    if path.is_absolute() {
        return Ok((path.to_owned(), 0o077));
    }
    let mut components = path.components();
    let (Some(Component::Normal(only)), None) = (components.next(), components.next()) else {
        return Err(Error::CredentialName { name: name.into() });
    };
    let directory = directory.ok_or_else(|| Error::NoCredentialsDirectory { name: name.into() })?;
    Ok((directory.join(only), 0o007))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(folder: &Path, name: &str, text: &str, mode: u32) -> String {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a writable folder");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our own file");
        path.to_str().expect("a UTF-8 path").to_owned()
    }

    #[test]
    fn the_password_is_the_first_line_and_keeps_its_blanks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = file(folder.path(), "smtp", "s3 cret \r\nnot this\n", 0o600);
        assert_eq!(password(&path, None).expect("a private file"), "s3 cret ");
    }

    #[test]
    fn a_file_readable_by_group_or_others_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let path = file(folder.path(), "smtp", "secret\n", mode);
            assert!(
                matches!(password(&path, None), Err(Error::ExposedCredential { mode: seen, .. }) if seen == mode)
            );
        }
    }

    #[test]
    fn a_plain_name_is_looked_up_in_the_credentials_directory_with_its_acl_mask() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        file(folder.path(), "smtp-password", "secret\n", 0o440);
        assert_eq!(password("smtp-password", Some(folder.path())).expect("0440 is systemd's"), "secret");
        file(folder.path(), "smtp-password", "secret\n", 0o444);
        assert!(matches!(
            password("smtp-password", Some(folder.path())),
            Err(Error::ExposedCredential { .. })
        ));
        assert!(matches!(password("smtp-password", None), Err(Error::NoCredentialsDirectory { .. })));
        for name in ["../smtp-password", "a/b", "", "."] {
            assert!(
                matches!(password(name, Some(folder.path())), Err(Error::CredentialName { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn an_empty_or_missing_credential_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = file(folder.path(), "smtp", "\nsecret\n", 0o600);
        assert!(matches!(password(&path, None), Err(Error::EmptyCredential { .. })));
        assert!(matches!(password("/nonexistent/credential", None), Err(Error::Credential { .. })));
        assert!(matches!(login(Some("ant"), None, None), Err(Error::UserWithoutCredential { .. })));
        assert!(matches!(login(None, None, None), Ok(None)));
    }
}
