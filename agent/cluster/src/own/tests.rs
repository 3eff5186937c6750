use super::*;

const NODE: &str = "system:serviceaccount:flux-system:windlass-node-a";

fn token(sub: &str, iat: i64, exp: i64) -> String {
    let claims = json!({"sub": sub, "iat": iat, "exp": exp, "iss": "a"}).to_string();
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn endpoint(servers: &[&str]) -> Endpoint {
    Endpoint {
        servers: servers.iter().map(|server| (*server).to_owned()).collect(),
        server_name: None,
        authority: Some("the authority".to_owned()),
    }
}

fn own(iat: i64) -> OwnKubeconfig {
    let endpoint = endpoint(&["https://192.0.2.1:6443", "https://192.0.2.2:6443"]);
    OwnKubeconfig::new(&endpoint, &token(NODE, iat, iat + 300)).unwrap()
}

#[test]
fn a_kubeconfig_of_a_service_account_is_read_back_and_renewed() {
    let read = OwnKubeconfig::read(own(1000).text().as_bytes()).unwrap();
    assert_eq!(read.account().name(), "windlass-node-a");
    assert_eq!(read.lifetime(), Duration::from_secs(300));
    assert_eq!(read.age(1010), Duration::from_secs(10));
    assert_eq!(read.age(0), Duration::ZERO, "a clock of 1970");
    assert_eq!(read.authority().as_deref(), Some("the authority"));
    let renewed = read
        .renewed(&token(NODE, 2000, 2300), Some("another"))
        .unwrap();
    assert_eq!(renewed.expires(), 2300);
    assert_eq!(renewed.authority().as_deref(), Some("another"));
    let renewed = renewed.renewed(&token(NODE, 3000, 3300), None).unwrap();
    assert_eq!(renewed.authority().as_deref(), Some("another"));
    assert!(renewed.text().contains("https://192.0.2.2:6443"));
}

#[test]
fn the_token_of_somebody_else_renews_nothing() {
    let other = token("system:serviceaccount:flux-system:other", 2000, 2300);
    assert!(own(1000).renewed(&other, None).is_none());
    for odd in ["", "a.b.c", &token("kim", 1, 2), &token(NODE, 2, 1)] {
        assert!(OwnKubeconfig::new(&endpoint(&["https://a"]), odd).is_none());
    }
}

#[test]
fn another_kubeconfig_is_not_taken_for_one_of_ours() {
    let text = own(1000).text();
    for (from, to) in [
        ("\"name\": \"windlass-node-a\"", "\"name\": \"me\""),
        (
            "\"current-context\": \"windlass-node\"",
            "\"current-context\": \"a\"",
        ),
        ("\"token\": \"e30.", "\"token\": \"e30.x"),
    ] {
        assert!(text.contains(from), "{text}");
        assert!(OwnKubeconfig::read(text.replace(from, to).as_bytes()).is_none());
    }
    assert!(OwnKubeconfig::read(b"").is_none());
}

#[test]
fn what_is_minted_later_wins_over_what_was_kept_and_a_given_kubeconfig_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let (given, kept) = (folder.path().join("given"), folder.path().join("kept"));
    std::fs::write(&given, own(1000).text()).unwrap();
    assert_eq!(newest(&given, &kept), given);
    std::fs::write(&kept, own(2000).text()).unwrap();
    assert_eq!(newest(&given, &kept), kept);
    std::fs::write(&given, own(3000).text()).unwrap();
    assert_eq!(newest(&given, &kept), given);
    std::fs::write(&given, "apiVersion: v1\nkind: Config\n").unwrap();
    assert_eq!(newest(&given, &kept), given);
    std::fs::write(&given, own(1000).text()).unwrap();
    std::fs::write(&kept, "torn").unwrap();
    assert_eq!(newest(&given, &kept), given);
}
