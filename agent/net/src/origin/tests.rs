use windlass_wire::FailureClass;

use super::*;

fn http_origin(url: &str) -> HttpOrigin {
    match Origin::parse(url) {
        Ok(Origin::Remote(Remote::Http(origin))) => origin,
        other => panic!("{url} is http: {other:?}"),
    }
}

fn ssh_origin(url: &str) -> SshOrigin {
    match Origin::parse(url) {
        Ok(Origin::Remote(Remote::Ssh(origin))) => origin,
        other => panic!("{url} is ssh: {other:?}"),
    }
}

#[track_caller]
fn refused(url: &str) -> String {
    let failure = Origin::parse(url).expect_err(url);
    assert_eq!(failure.class, FailureClass::InvalidUrl, "{url}");
    failure.message
}

#[test]
fn an_http_url_is_taken_apart() {
    let origin = http_origin("https://Git.Test:8443/org/fleet.git/");
    assert_eq!(
        origin.address("info/refs"),
        "https://git.test:8443/org/fleet.git/info/refs"
    );
    assert_eq!(
        http_origin("http://git.test/r?x=1").address("info/refs?service=s"),
        "http://git.test/r/info/refs?service=s&x=1"
    );
    assert_eq!(
        http_origin("http://[::1]:80/r").address("a"),
        "http://[::1]/r/a"
    );
    assert_eq!(
        http_origin("https://git.test").address("a"),
        "https://git.test/a"
    );
}

#[test]
fn user_and_password_leave_the_url_at_once() {
    let origin = http_origin("https://me:p%40ss%zz@git.test/r");
    let (user, password) = origin.userinfo.clone().expect("the URL has a user");
    assert_eq!((user.as_str(), password.expose()), ("me", "p@ss%zz"));
    assert!(!origin.address("x").contains("ss"));
    assert!(!Remote::Http(origin).cache_key().contains("ss"));
}

#[test]
fn an_ssh_url_is_taken_apart() {
    let origin = ssh_origin("ssh://git@git.test:2222/org/fleet.git");
    assert_eq!(
        (origin.user.as_str(), origin.host.as_str(), origin.port),
        ("git", "git.test", 2222)
    );
    assert_eq!(origin.path, "/org/fleet.git");
    assert_eq!(ssh_origin("ssh://git.test/~me/r").path, "~me/r");
    assert_eq!(ssh_origin("ssh://git.test/r").user, "git");
}

#[test]
fn a_path_on_the_node_is_its_own_kind() {
    for url in ["/srv/git/fleet.git", "file:///srv/git/fleet.git"] {
        assert_eq!(
            Origin::parse(url).unwrap(),
            Origin::Path("/srv/git/fleet.git".into())
        );
    }
    refused("file://srv/git");
    refused("/srv/../etc");
}

#[test]
fn t15_what_could_become_an_option_or_another_program_is_refused() {
    for url in [
        "ssh://-oProxyCommand=x/r",
        "ssh://-Fcfg@h/r",
        "ssh://git@-h/r",
        "ssh://git@h/a'b",
        "ssh://git@h/-u",
        "ssh://git@h/$(x)",
        "ssh://git@h",
        "ssh://git@h/",
        "ssh://git:secret@h/r",
        "ext::sh -c x",
        "ext::sh%20-c%20x",
        "fd::0",
        "https::ext::sh -c x",
        "ssh://git@h/r\n--upload-pack=x",
        "ssh://git@h/`x`",
        "ssh://git@h:-1/r",
        "ssh://git@h:22;x/r",
        "ssh://h/-oProxyCommand=x",
        "ssh://git%0a@h/r",
        "ssh://gi t@h/r",
        "https://user\n:pass@h/r",
        "https://h\r\nX-Injected: y/r",
        "https://h/r\0",
        "https://h\\@evil/r",
        "https://evil#@h/r\t",
        "file://h/etc/passwd",
        "file:///../etc/passwd",
        "FILE://../etc",
        "javascript:x",
        "h:-oProxyCommand=x",
        "git://h/r",
        "ftp://h/r",
        "https://-h/r",
        "https:///r",
        "https://h:0/r",
        "https://h:x/r",
        "https://h h/r",
        "https://h/a b",
        "https://h/a\nb",
        "https://[::1/r",
        "",
        "-oX",
        "fleet",
        "./fleet",
    ] {
        refused(url);
    }
}

#[test]
fn the_scp_spelling_is_refused_with_the_right_one() {
    assert!(refused("git@git.test:org/fleet.git").contains("ssh://git@git.test/org/fleet.git"));
}

#[test]
fn a_refusal_shows_no_password() {
    assert!(!refused("https://me:hunter2@h h/r").contains("hunter2"));
    assert!(!refused("ssh://me:hunter2@h/r").contains("hunter2"));
}
