use super::*;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

fn config(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters:\n- name: c\n  cluster:\n    {cluster}\n\
         users:\n- name: u\n  user:\n    {user}\n\
         contexts:\n- name: here\n  context: {{cluster: c, user: u}}\n"
    )
}

fn load_text(text: &str, allow_insecure_tls: bool) -> Result<Access, ConnectError> {
    let folder = Folder::new();
    let kubeconfig = Some(folder.write("config", text));
    load(&Connect {
        kubeconfig,
        renewed: None,
        context: None,
        user_agent: "test".to_owned(),
        allow_insecure_tls,
    })
}

fn refusal(cluster: &str, user: &str) -> String {
    load_text(&config(cluster, user), false)
        .expect_err("it is refused")
        .to_string()
}

const SERVER: &str = "server: https://10.0.0.1:6443";

#[test]
fn programs_and_other_ways_to_credentials_are_refused_by_name() {
    let message = refusal(
        SERVER,
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: aws-login}",
    );
    assert!(
        message.contains("user \"u\" uses exec (aws-login)"),
        "{message}"
    );
    let message = refusal(SERVER, "auth-provider: {name: oidc}");
    assert!(message.contains("auth-provider (oidc)"), "{message}");
    let message = refusal(SERVER, "{as: admin, token: t}");
    assert!(message.contains("uses as"), "{message}");
    let message = refusal(SERVER, "{username: me, password: canary}");
    assert!(
        message.contains("uses username") && !message.contains("canary"),
        "{message}"
    );
    let message = refusal(&format!("{{{SERVER}, proxy-url: 'http://p'}}"), "token: t");
    assert!(
        message.contains("cluster \"c\" uses proxy-url"),
        "{message}"
    );
}

#[test]
fn unverified_tls_needs_the_callers_word() {
    let cluster = format!("{{{SERVER}, insecure-skip-tls-verify: true}}");
    let message = refusal(&cluster, "token: t");
    assert!(message.contains("insecure-skip-tls-verify"), "{message}");
    let access = load_text(&config(&cluster, "token: t"), true).expect("it is allowed");
    assert_eq!(access.trust, Trust::Anybody);
}

#[test]
fn plain_http_is_for_loopback_only() {
    for server in [
        "server: http://127.0.0.1:8001",
        "server: http://[::1]:8001",
        "server: http://localhost",
    ] {
        assert!(
            load_text(&config(server, "token: t"), false).is_ok(),
            "{server}"
        );
    }
    for server in [
        "server: http://10.0.0.1",
        "server: ftp://x",
        "server: https://me:pw@x",
        "server: x y",
    ] {
        let message = refusal(server, "token: t");
        assert!(message.contains("of cluster \"c\""), "{message}");
    }
}

#[test]
fn files_are_read_beside_the_kubeconfig_and_data_in_place_wins() {
    let folder = Folder::new();
    folder.write("ca.crt", CERTIFICATE);
    let data = STANDARD.encode("in place");
    let text = config(
        &format!("{{{SERVER}, certificate-authority: ca.crt, tls-server-name: kubernetes}}"),
        &format!(
            "{{tokenFile: token, client-certificate-data: {data}, client-certificate: gone, client-key: ca.crt}}"
        ),
    );
    let kubeconfig = Some(folder.write("config", &text));
    let connect = Connect {
        kubeconfig,
        renewed: None,
        context: None,
        user_agent: String::new(),
        allow_insecure_tls: false,
    };
    let access = load(&connect).expect("a kubeconfig");
    assert_eq!(
        access.trust,
        Trust::Authority(CERTIFICATE.as_bytes().to_vec())
    );
    assert_eq!(access.server_name.as_deref(), Some("kubernetes"));
    assert_eq!(access.token, Token::File(folder.0.path().join("token")));
    let identity = access.identity.expect("a certificate");
    assert_eq!(identity.certificate, b"in place");
    assert_eq!(identity.key.expose(), CERTIFICATE);
}

#[test]
fn half_a_client_certificate_is_an_error() {
    let data = STANDARD.encode("x");
    assert!(refusal(SERVER, &format!("client-certificate-data: {data}")).contains("no client-key"));
    assert!(refusal(SERVER, &format!("client-key-data: {data}")).contains("no client-certificate"));
}

#[test]
fn what_is_not_there_is_named() {
    let text = config(SERVER, "token: t");
    let connect = |context: &str, folder: &Folder| Connect {
        kubeconfig: Some(folder.write("config", &text)),
        renewed: None,
        context: Some(context.to_owned()),
        user_agent: String::new(),
        allow_insecure_tls: false,
    };
    let folder = Folder::new();
    let message = load(&connect("elsewhere", &folder))
        .expect_err("no such context")
        .to_string();
    assert!(
        message.contains("there is no context named \"elsewhere\""),
        "{message}"
    );
    assert!(load(&connect("here", &folder)).is_ok());
    let message = load_text("{}", false).expect_err("no context").to_string();
    assert!(message.contains("no current-context"), "{message}");
    let message = load_text("", false).expect_err("nothing").to_string();
    assert!(message.contains("it is empty"), "{message}");
}

#[test]
fn errors_about_the_format_quote_no_credential() {
    let message = load_text("users: [{name: u, user: canary}]", false)
        .expect_err("a string")
        .to_string();
    assert!(
        message.contains("not a kubeconfig") && !message.contains("canary"),
        "{message}"
    );
    let access = load_text(&config(SERVER, "token: canary"), false).expect("a kubeconfig");
    assert!(!format!("{access:?}").contains("canary"));
}

#[test]
fn several_servers_are_tried_in_turn_the_last_good_one_first() {
    let servers = "server: https://10.0.0.1:6443\n    extensions:\n    - name: minikube\n      extension: {version: 1}\n    \
                   - name: windlass.dev/servers\n      extension:\n        servers: [https://10.0.0.1:6443, \
                   https://10.0.0.2:6443, https://10.0.0.3:6443]";
    let access = load_text(&config(servers, "token: t"), false).unwrap();
    let hosts = |access: &Access| {
        let hosts = access
            .servers()
            .map(|uri| uri.host().unwrap_or_default().to_owned());
        hosts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hosts(&access), "10.0.0.1 10.0.0.2 10.0.0.3");
    let next = access.next();
    assert_eq!(hosts(&next), "10.0.0.2 10.0.0.3 10.0.0.1");
    let again = access.clone().beginning_with(&next.server);
    assert_eq!(hosts(&again), hosts(&next));
    let unknown = "https://10.0.0.9".parse().unwrap();
    assert_eq!(
        hosts(&access.beginning_with(&unknown)),
        "10.0.0.1 10.0.0.2 10.0.0.3"
    );
    let plain = servers.replace("https://10.0.0.3", "http://10.0.0.3");
    load_text(&config(&plain, "token: t"), false).unwrap_err();
}
