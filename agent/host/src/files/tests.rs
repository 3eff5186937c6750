use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_chmod_that_helps() {
    let place = Place::new();
    for mode in [0o640, 0o604, 0o644] {
        let path = place.file("password", "hunter2\n", mode);
        let error = read_secret(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod 0600 {}", path.display())),
            "{error}"
        );
        assert!(!error.contains("hunter2"));
    }
    let path = place.file("password", "hunter2\r\n", 0o600);
    let secret = read_secret(&path).unwrap();
    assert_eq!(secret.expose(), b"hunter2");
    assert_eq!(format!("{secret:?}"), "***");
}

#[test]
fn a_trusted_file_is_written_by_nobody_else() {
    let place = Place::new();
    assert!(read(&place.file("a", "x", 0o644), 10, Guard::Trusted).is_ok());
    for mode in [0o664, 0o646] {
        let error = check(&place.file("a", "x", mode), Guard::Trusted).unwrap_err();
        assert!(matches!(error, FileError::Writable { .. }), "{error}");
    }
    assert!(check(&place.file("a", "x", 0o666), Guard::Plain).is_ok());
}

#[test]
fn a_trusted_file_in_a_directory_that_others_can_write_is_refused() {
    let place = Place::new();
    let path = place.file("a", "x", 0o644);
    fs::set_permissions(place.0.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = check(&path, Guard::Trusted).unwrap_err();
    assert!(
        matches!(&error, FileError::Writable { path, .. } if path == place.0.path()),
        "{error}"
    );
    fs::set_permissions(place.0.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(
        check(&path, Guard::Trusted).is_ok(),
        "in a sticky directory only owners can replace"
    );
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let place = Place::new();
    let path = place.file("a", "x", 0o600);
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    let error = check(&path, Guard::Trusted).unwrap_err().to_string();
    assert!(
        error.contains("belongs to uid 12345") && error.contains("chown root"),
        "{error}"
    );
}

#[test]
fn a_file_of_the_units_user_is_as_good_as_one_of_roots() {
    let agent = || Some(990);
    assert!(
        may_own(990, 0, agent),
        "root checks what the unit will read"
    );
    assert!(may_own(0, 990, || panic!("root's files need no look-up")));
    assert!(may_own(990, 990, || panic!("our files need no look-up")));
    assert!(!may_own(991, 0, agent) && !may_own(991, 990, agent));
    assert!(!may_own(990, 0, || None), "nobody is the unit's user");

    let user = nix::unistd::User::from_name(AGENT_USER).unwrap();
    let Some(user) = user.filter(|_| nix::unistd::geteuid().is_root()) else {
        return;
    };
    let place = Place::new();
    let path = place.file("key", "x", 0o600);
    std::os::unix::fs::chown(&path, Some(user.uid.as_raw()), None).unwrap();
    assert_eq!(read(&path, 1, Guard::Secret).unwrap(), b"x");
    let path = place.file("key", "x", 0o640);
    assert!(check(&path, Guard::Secret).is_err(), "its group reads it");
}

#[test]
fn a_secret_that_we_may_not_read_is_reported_with_the_chown_that_helps() {
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let path = Path::new("/etc/windlass/git-key");
    let us = nix::unistd::geteuid().as_raw();
    let error = open_error(path, Guard::Secret, denied()).to_string();
    assert!(
        error.contains(&format!("chown {us} /etc/windlass/git-key")),
        "{error}"
    );
    let error = open_error(path, Guard::Trusted, denied()).to_string();
    assert!(!error.contains("chown"), "it may stay root's: {error}");
}

#[test]
fn the_bound_is_exact_and_a_pipe_does_not_hang() {
    let place = Place::new();
    let path = place.file("a", "12345", 0o600);
    assert_eq!(read(&path, 5, Guard::Secret).unwrap(), b"12345");
    assert!(matches!(
        read(&path, 4, Guard::Secret),
        Err(FileError::TooLarge { .. })
    ));

    let pipe = place.0.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(matches!(
        read(&pipe, 4, Guard::Plain),
        Err(FileError::NotAFile { .. })
    ));
    assert!(
        read(&place.0.path().join("none"), 4, Guard::Plain)
            .unwrap_err()
            .is_missing()
    );
}
