use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::schema::SECTIONS;
use super::*;

const EXAMPLE: &str = include_str!("../../../../packaging/etc/windlass/config.toml");
const URL: &str = "[root]\nurl = \"https://git.example.com/r\"\n";

fn surroundings() -> Surroundings {
    Surroundings {
        hostname: Some("Node-1".to_owned()),
        credentials: Some(PathBuf::from("/run/credentials/w")),
    }
}

/// Judges files that need not exist; the first is the main one.
fn judge(files: &[(&str, &str)]) -> Result<Settings, String> {
    let mut problems = Problems::default();
    let mut inputs = Inputs::default();
    let complete = files.iter().fold(true, |complete, (name, text)| {
        complete & inputs.merge(fragment::parse(Path::new(name), text, &mut problems))
    });
    let main = Path::new("main.toml");
    let settings = complete.then(|| settings::judge(&inputs, main, &surroundings(), &mut problems));
    problems
        .settle(settings.flatten())
        .map_err(|error| error.to_string())
}

#[track_caller]
fn check_refused(text: &str, expected: &[&str]) {
    let error = judge(&[("main.toml", text)]).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{error}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(
            line.starts_with(expected),
            "expected {expected:?}\n     got {line:?}"
        );
    }
}

/// The example with every commented key in force.
fn everything() -> String {
    let is_key =
        |line: &str| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
    let lines = EXAMPLE
        .lines()
        .map(|line| if is_key(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_url_is_enough_and_the_rest_has_documented_defaults() {
    let settings = judge(&[("main.toml", URL)]).unwrap();
    let root = &settings.root;
    assert_eq!(root.url, "https://git.example.com/r");
    assert_eq!((root.branch.as_str(), root.path.as_str()), ("main", "./"));
    assert_eq!(
        (root.name.as_str(), root.namespace.as_str()),
        ("flux-system", "flux-system")
    );
    assert_eq!(
        (root.interval, root.timeout),
        (Duration::from_secs(60), Duration::from_secs(60))
    );
    assert_eq!(
        root.allowed_signers,
        Path::new("/etc/windlass/trust.d/allowed_signers")
    );
    assert_eq!(
        (&root.access, &root.introduction, root.mode),
        (&RootAccess::Anonymous, &None, TrustMode::Path)
    );
    assert_eq!(
        settings.cluster,
        ClusterSettings {
            kubeconfig: None,
            context: None
        }
    );
    assert_eq!(settings.node.name, "node-1");
    assert_eq!(settings.leadership.lease_duration, Duration::from_secs(12));
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let plain = judge(&[("main.toml", EXAMPLE)]).unwrap();
    let all = everything();
    for section in SECTIONS {
        assert!(
            all.contains(&format!("\n[{}]\n", section.name)),
            "[{}] is missing",
            section.name
        );
        for key in section.keys {
            assert!(all.contains(&format!("\n{key} = ")), "{key} is missing");
        }
    }
    // Password and key exclude each other; neither has a default, nor have these.
    let without = [
        "identity_file",
        "known_hosts_file",
        "username",
        "password_file",
        "ca_file",
        "context",
        "introduction",
        "age_key_file",
        "pgp_key_file",
        "default_service_account",
        "listen",
        "token_file",
        "ping_url",
        "webhook_url",
        "address",
    ];
    let is_shown = |line: &&str| {
        !without
            .iter()
            .any(|key| line.starts_with(&format!("{key} = ")))
    };
    let shown: Vec<&str> = all.lines().filter(is_shown).collect();
    let mut shown = judge(&[("main.toml", &shown.join("\n"))]).unwrap();
    assert_eq!(
        shown.cluster.kubeconfig.take(),
        Some(PathBuf::from("/run/credentials/w/kubeconfig"))
    );
    assert_eq!(shown, plain);
}

#[test]
fn unknown_names_are_refused_with_file_line_and_what_was_meant() {
    check_refused(
        "[root]\nurl = \"https://h/r\"\nintervall = \"1m\"\nlevel = \"info\"\n[rooot]\n[what]\nx = 1\n[log]\nlevle = 1\n",
        &[
            "main.toml:3: unknown key \"intervall\" in [root]; did you mean interval? (allowed: url, branch,",
            "main.toml:4: unknown key \"level\" in [root]; it belongs under [log] (allowed: url,",
            "main.toml:5: unknown section or key \"rooot\"; did you mean [root]? (sections: root, trust, cluster,",
            "main.toml:6: unknown section or key \"what\" (sections:",
            "main.toml:9: unknown key \"levle\" in [log]; did you mean level? (allowed: level)",
        ],
    );
    check_refused(
        "url = \"https://h/r\"\n",
        &[
            "main.toml: [root] url is needed",
            "main.toml:1: unknown section or key \"url\"; it belongs under [root]",
        ],
    );
}

#[test]
fn every_wrong_value_is_reported_at_once() {
    let text = "[root]\nurl = \"git@host:path\"\ninterval = \"10\"\ntimeout = 5\npath = \"a/../../b\"\n\
                introduction = \"abc\"\nnamespace = \"Flux\"\nbranch = \"a b\"\nca_file = \"ca.pem\"\nmode = \"any\"\n\
                [leadership]\nflux_leases = \"yes\"\n[limits]\nconcurrency = 0\n[log]\nlevel = \"loud\"\n\
                [state]\ndir = \"\"\n[node]\nname = [1]\n";
    check_refused(
        text,
        &[
            "main.toml:2: [root] url must be a path on this node, or start with https://",
            "main.toml:3: [root] interval \"10\" is not a duration",
            "main.toml:4: [root] timeout must be a string in quotes, not 5",
            "main.toml:5: [root] path must stay inside the repository",
            "main.toml:6: [root] introduction must be a full commit id of 40 hex digits",
            "main.toml:7: [root] namespace must be lowercase letters",
            "main.toml:8: [root] branch is no branch name",
            "main.toml:9: [root] ca_file must be an absolute path or credential:NAME, not \"ca.pem\"",
            "main.toml:10: [root] mode must be path, first-parent or all, not \"any\"",
            "main.toml:12: [leadership] flux_leases must be true or false, not \"yes\"",
            "main.toml:14: [limits] concurrency must be a number from 1 to 64, not 0",
            "main.toml:16: [log] level \"loud\" is no log level; allowed: error, warn",
            "main.toml:18: [state] dir must not be empty",
            "main.toml:20: [node] name must be a string in quotes, not a value of type array",
        ],
    );
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    // A key that may stand in the broken part is not called missing.
    check_refused(
        "[log]\nlevle = 1\n[root]\nurl \"https://h/r\"\n",
        &["main.toml:2: unknown key \"levle\"", "main.toml:4: "],
    );
    check_refused(
        &format!("{URL}[log]\nlevel = \"info\n"),
        &["main.toml:4: invalid basic string"],
    );
    check_refused(
        &format!("{URL}url = \"https://h/x\"\n"),
        &["main.toml:3: duplicate key"],
    );
    check_refused(
        "root = 1\n",
        &[
            "main.toml: [root] url is needed",
            "main.toml:1: root must be a section: write [root]",
        ],
    );
}

fn access(lines: &str) -> Result<RootAccess, String> {
    judge(&[("main.toml", &format!("[root]\n{lines}"))]).map(|settings| settings.root.access)
}

#[test]
fn access_fits_the_kind_of_url() {
    let password =
        access("url = \"https://h/r\"\nusername = \"git\"\npassword_file = \"credential:git\"\n")
            .unwrap();
    let password_file = PathBuf::from("/run/credentials/w/git");
    assert_eq!(
        password,
        RootAccess::Password {
            username: "git".to_owned(),
            password_file
        }
    );
    let key =
        access("url = \"ssh://git@h/r\"\nidentity_file = \"/k\"\nknown_hosts_file = \"/h\"\n")
            .unwrap();
    assert_eq!(
        key,
        RootAccess::Key {
            identity_file: "/k".into(),
            known_hosts_file: "/h".into()
        }
    );
    assert_eq!(
        access("url = \"/srv/git/cluster.git\"\n").unwrap(),
        RootAccess::Anonymous
    );
}

#[test]
fn access_that_does_not_fit_is_refused_without_showing_it() {
    let refused = [
        (
            "url = \"https://me:secret@h/r\"\n",
            "main.toml:2: [root] url must not hold a user or password",
        ),
        (
            "url = \"ssh://git@h/r\"\n",
            "main.toml:2: [root] url with ssh:// needs identity_file",
        ),
        (
            "url = \"https://h/r\"\nusername = \"git\"\n",
            "main.toml:3: [root] username needs password_file",
        ),
        (
            "url = \"https://h/r\"\nidentity_file = \"/k\"\n",
            "main.toml:3: [root] identity_file is for ssh:// URLs",
        ),
        (
            "url = \"ftp://h/r\"\n",
            "main.toml:2: [root] url must start with",
        ),
        (
            "url = \"https:///r\"\n",
            "main.toml:2: [root] url must name a host",
        ),
        (
            "url = \"/srv/../etc\"\n",
            "main.toml:2: [root] url must be a path without . and ..",
        ),
        (
            "url = \"/srv/r\"\nusername = \"x\"\n",
            "main.toml:3: [root] username is for URLs",
        ),
    ];
    for (lines, expected) in refused {
        let error = access(lines).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn lease_timings_that_would_allow_two_leaders_are_refused() {
    let leadership = |lines: &str| judge(&[("main.toml", &format!("{URL}[leadership]\n{lines}"))]);
    assert!(
        leadership("lease_duration = \"60s\"\nrenew_deadline = \"40s\"\nretry_period = \"5s\"\n")
            .is_ok()
    );
    let error = leadership("lease_duration = \"8s\"\n").unwrap_err();
    assert!(
        error.starts_with("main.toml:4: [leadership] renew_deadline must be shorter than"),
        "{error}"
    );
    let error = leadership("retry_period = \"7s\"\n").unwrap_err();
    assert!(
        error.starts_with("main.toml:4: [leadership] retry_period must be well below"),
        "{error}"
    );
}

#[test]
fn later_files_replace_single_keys_and_are_named_when_wrong() {
    let main = format!("{URL}branch = \"main\"\npath = \"./a\"\n");
    let settings = judge(&[
        ("main.toml", &main),
        ("config.d/10.toml", "[root]\npath = \"./b\"\n"),
    ])
    .unwrap();
    assert_eq!(
        (settings.root.branch.as_str(), settings.root.path.as_str()),
        ("main", "./b")
    );
    let error = judge(&[
        ("main.toml", &main),
        ("config.d/10.toml", "[root]\n\npath = 1\n"),
    ])
    .unwrap_err();
    assert_eq!(
        error,
        "config.d/10.toml:3: [root] path must be a string in quotes, not 1"
    );
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

#[test]
fn loading_reads_drop_ins_and_checks_the_files_that_are_named() {
    let place = Place::new();
    let signers = place.file("signers", "me@example.com ssh-ed25519 AAAA\n", 0o644);
    let password = place.file("password", "hunter2\n", 0o644);
    let text = format!(
        "{URL}allowed_signers = {signers:?}\nusername = \"git\"\npassword_file = {password:?}\n"
    );
    let main = place.file("config.toml", &text, 0o644);
    let drop_in = place.file(
        "config.d/10-branch.toml",
        "[root]\nbranch = \"live\"\n",
        0o644,
    );
    place.file("config.d/README", "not read", 0o644);

    let error = load(&main).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}:5: [root] password_file: ", main.display())),
        "{error}"
    );
    assert!(
        error.ends_with(&format!("run `chmod 0600 {}`", password.display())),
        "{error}"
    );

    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let settings = load(&main).unwrap();
    assert_eq!(settings.root.branch, "live");
    assert_eq!(settings.files, [main.clone(), drop_in]);

    fs::set_permissions(&signers, fs::Permissions::from_mode(0o666)).unwrap();
    let error = load(&main).unwrap_err().to_string();
    assert!(
        error.contains(":3: [root] allowed_signers: ") && error.contains("chmod go-w"),
        "{error}"
    );
    fs::remove_file(&signers).unwrap();
    let error = load(&main).unwrap_err().to_string();
    assert!(
        error.contains(":3: [root] allowed_signers: ") && error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn a_configuration_that_others_can_write_or_that_is_missing_is_refused() {
    let place = Place::new();
    let main = place.file("config.toml", URL, 0o666);
    let error = load(&main).unwrap_err().to_string();
    assert!(
        error.contains("others can change it (mode 0666)"),
        "{error}"
    );
    let error = load(&place.path("none.toml")).unwrap_err().to_string();
    assert!(error.contains("none.toml: No such file"), "{error}");
}

#[test]
fn the_prune_guard_is_on_and_its_limits_are_numbers() {
    let prune = |text: &str| {
        let text = format!("{URL}{text}");
        judge(&[("main.toml", &text)]).map(|settings| settings.prune)
    };
    let default = prune("").unwrap();
    assert_eq!(
        (default.guard, default.share, default.least),
        (true, 30, 10)
    );
    let other = prune("[prune]\nguard = false\nshare = 50\nleast = 3\n").unwrap();
    assert_eq!((other.guard, other.share, other.least), (false, 50, 3));
    let refused = prune("[prune]\nshare = 0\n").unwrap_err().to_string();
    assert!(
        refused.contains("[prune] share must be a number from 1 to 100"),
        "{refused}"
    );
}

#[test]
fn tenants_are_locked_down_where_the_config_says_so() {
    let tenancy = |text: &str| {
        let text = format!("{URL}{text}");
        judge(&[("main.toml", &text)]).map(|settings| settings.tenancy)
    };
    assert_eq!(tenancy("").unwrap(), TenancySettings::default());
    let text = "[tenancy]\nno_cross_namespace_refs = true\ndefault_service_account = \"default\"\n";
    let locked = tenancy(text).unwrap();
    assert!(locked.no_cross_namespace_refs);
    assert_eq!(locked.default_service_account.as_deref(), Some("default"));
    let refused = tenancy("[tenancy]\ndefault_service_account = \"No Name\"\n").unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("default_service_account"), "{refused}");
}

#[test]
fn what_nothing_pins_is_refused_unless_the_config_says_otherwise() {
    let unpinned = |text: &str| {
        let text = format!("{URL}{text}");
        judge(&[("main.toml", &text)]).map(|settings| settings.remote.unpinned)
    };
    assert_eq!(unpinned("").unwrap(), Unpinned::Refuse);
    let first = unpinned("[remote]\nunpinned = \"first-seen\"\n").unwrap();
    assert_eq!(first, Unpinned::FirstSeen);
    let artifacts = |text: &str| {
        let text = format!("{URL}{text}");
        judge(&[("main.toml", &text)]).map(|settings| settings.remote.unpinned_artifacts)
    };
    assert_eq!(artifacts("").unwrap(), Unpinned::FirstSeen);
    let pinned = artifacts("[remote]\nunpinned_artifacts = \"refuse\"\n").unwrap();
    assert_eq!(pinned, Unpinned::Refuse);
    let refused = unpinned("[remote]\nunpinned = \"anything\"\n").unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("first-seen"), "{refused}");
}

#[test]
fn keys_for_secrets_are_files_or_credentials() {
    let text = format!(
        "{URL}[sops]\nage_key_file = \"credential:age.agekey\"\npgp_key_file = \"/etc/pgp.asc\"\nrequire_mac = true\n"
    );
    let sops = judge(&[("main.toml", &text)]).unwrap().sops;
    assert_eq!(
        sops.age_key_file.as_deref(),
        Some(Path::new("/run/credentials/w/age.agekey"))
    );
    assert_eq!(
        sops.pgp_key_file.as_deref(),
        Some(Path::new("/etc/pgp.asc"))
    );
    assert!(sops.require_mac);
    assert_eq!(
        judge(&[("main.toml", URL)]).unwrap().sops,
        SopsSettings::default()
    );
}

#[test]
fn webhooks_come_in_only_where_the_config_says() {
    let judged = |text: &str| judge(&[("main.toml", &format!("{URL}{text}"))]);
    assert_eq!(judged("").unwrap().receiver, ReceiverSettings::default());
    let open =
        judged("[receiver]\nlisten = \"[::]:9292\"\n[node]\naddress = \"192.0.2.1\"\n").unwrap();
    assert_eq!(open.receiver.listen, Some("[::]:9292".parse().unwrap()));
    assert_eq!(open.node.address, Some("192.0.2.1".parse().unwrap()));
    for text in [
        "[receiver]\nlisten = \":9292\"\n",
        "[receiver]\nlisten = \"0.0.0.0:0\"\n",
        "[receiver]\nlisten = \"localhost:9292\"\n",
        "[node]\naddress = \"127.0.0.1\"\n",
        "[node]\naddress = \"0.0.0.0\"\n",
    ] {
        let refused = judged(text).unwrap_err().to_string();
        assert!(refused.contains("main.toml:"), "{refused}");
    }
}

#[test]
fn the_page_is_shown_to_others_only_for_a_token() {
    let judged = |text: &str| judge(&[("main.toml", &format!("{URL}[page]\n{text}"))]);
    assert_eq!(judged("").unwrap().page, PageSettings::default());
    let here = judged("listen = \"127.0.0.1:9798\"\n").unwrap().page;
    assert_eq!(here.listen, Some("127.0.0.1:9798".parse().unwrap()));
    let token = "token_file = \"/etc/windlass/page.token\"\n";
    let open = judged(&format!("listen = \"0.0.0.0:9798\"\n{token}")).unwrap();
    assert!(open.page.token_file.is_some());
    let refused = judged("listen = \"0.0.0.0:9798\"\n").unwrap_err();
    assert!(refused.to_string().contains("token_file"), "{refused}");
}

#[test]
fn a_cache_holds_no_keys_and_a_machine_outside_may_lead() {
    let role = |role: &str| format!("{URL}[node]\nrole = \"{role}\"\n");
    let judged = |text: &str| judge(&[("main.toml", text)]);
    assert_eq!(judged(&role("external")).unwrap().node.role, Role::External);
    assert_eq!(judged(&role("cache")).unwrap().node.role, Role::Cache);
    for key in ["age_key_file", "pgp_key_file"] {
        let keys = format!("[sops]\n{key} = \"/etc/windlass/key\"\n");
        judged(&(role("external") + &keys)).unwrap();
        let why = format!("main.toml:6: [sops] {key} has no place on a node with [node] role");
        check_refused(&(role("cache") + &keys), &[&why]);
    }
    let why = "main.toml:4: [node] role must be \"leader\", \"cache\" or \"external\"";
    check_refused(&role("worker"), &[why]);
}

#[test]
fn somebody_outside_is_told_where_the_section_says_who() {
    let judged = |text: &str| judge(&[("main.toml", &format!("{URL}[alarm]\n{text}"))]);
    let alarm = judged("").unwrap().alarm;
    assert_eq!((alarm.ping_url, alarm.webhook_url), (None, None));
    assert_eq!(alarm.ping_interval, Duration::from_secs(60));
    let text = "ping_url = \"https://hc.example/hunter2\"\nping_interval = \"10s\"\n\
        webhook_url = \"http://hooks.lan/hunter2\"\nwebhook_type = \"slack\"\n";
    let alarm = judged(text).unwrap().alarm;
    assert_eq!(alarm.webhook_type.name(), "slack");
    assert!(!format!("{alarm:?}").contains("hunter2"), "{alarm:?}");
    let url = alarm.ping_url.unwrap();
    assert_eq!(url.expose(), "https://hc.example/hunter2");
    for (bad, said) in [
        ("ping_url = \"ftp://a/hunter2\"", "must be a URL, https://"),
        ("ping_interval = \"9s\"", "must be between 10s and 1h"),
        ("webhook_type = \"matrix\"", "must be one of generic, slack"),
    ] {
        let error = judged(bad).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn nodes_ask_each_other_where_the_cluster_knows_them_unless_the_config_says_otherwise() {
    let judged = |text: &str| judge(&[("main.toml", &format!("{URL}{text}"))]);
    let listen = |text: &str| {
        let judged = judged(&format!("[peers]\nlisten = {text:?}\n"));
        judged.map(|settings| settings.peers.listen)
    };
    assert_eq!(judged("").unwrap().peers.listen, PeersListen::Node);
    assert_eq!(listen("off").unwrap(), PeersListen::Off);
    let address = "127.0.0.1:9294";
    assert_eq!(
        listen(address).unwrap(),
        PeersListen::At(address.parse().unwrap())
    );
    for wrong in ["on", ":9294", "0.0.0.0:0", "node:9294"] {
        assert!(listen(wrong).is_err(), "{wrong}");
    }
}
