use windlass_cluster::Endpoint;

use super::*;

/// Of a service account, issued at 1000 and good until 4000: `{"sub": ..., "iat": 1000, "exp": 4000}`.
const TOKEN: &str = "e30.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6Zmx1eC1zeXN0ZW06d2luZGxhc3MtYSIsImlhdCI6MTAwMCwiZXhwIjo0MDAwfQ.c2ln";

#[test]
fn it_is_renewed_when_a_third_of_its_life_is_over_by_the_clock_or_by_how_long_it_was_held() {
    let endpoint = Endpoint {
        servers: vec!["https://192.0.2.1:6443".to_owned()],
        server_name: None,
        authority: None,
    };
    let own = OwnKubeconfig::new(&endpoint, TOKEN).unwrap();
    let left = |was_fresh, now, held| {
        let since = Duration::from_secs(50);
        let left = Held { since, was_fresh }.left(&own, now, since + Duration::from_secs(held));
        left.as_secs()
    };
    assert_eq!(left(false, 1000, 0), 1000);
    assert_eq!(left(false, 1400, 300), 600);
    assert_eq!(left(false, 9999, 0), 0);
    assert_eq!(left(false, 0, 700), 300, "a clock of 1970");
    assert_eq!(left(false, 0, 1000), 0);
    assert_eq!(left(true, 9999, 0), 1000, "a clock of 2099 renews once");
    assert_eq!(left(true, 9999, 1000), 0);
}

#[test]
fn certificates_of_another_authority_are_not_taken_for_those_that_follow() {
    let pem =
        |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    let (old, new, other) = (pem("AAAA\nBBBB"), pem("CCCC"), pem("DDDD"));
    assert!(follows(&old, &pem("AAAABBBB")));
    assert!(follows(&old, &(new.clone() + &old)));
    assert!(follows(&(old.clone() + &new), &new));
    assert!(!follows(&old, &new));
    assert!(!follows(&old, &other));
    assert!(!follows(&old, ""));
}
