//! What `install.sh` does not do.

use std::path::Path;
use std::process::Command;

use windlass_kit::directory::Directory;
use windlass_kit::repo::Signer;

use crate::node::Node;

/// A whole kubeconfig; nothing listens there, and nothing gets as far as asking.
const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "a",
    "clusters": [{"name": "a", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "a", "user": {}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}"#;
const FULL: &str =
    "--binary /opt/windlass --repo https://git.example.com/house.git --signers /root/signers";

/// Lists whatever of an installation is there.
const INSTALLED: &str = "{ ls -d /usr/bin/windlass /etc/systemd/system/windlass* /var/lib/windlass-trial-*; cd /etc/windlass && \
     ls config.toml kubeconfig git-* known_hosts trust.d/*; } 2>/dev/null || true";

/// Every file of the node with size and time of its last change, but for what systemd itself keeps writing.
fn files(node: &Node) -> String {
    node.sh(
        "find / -xdev -path /proc -prune -o -path /var/log -prune -o -path /var/lib/systemd -prune \
         -o -printf '%p %s %T@ %m %U\\n' | sort",
    )
}

#[test]
fn a_dry_run_and_a_refused_setting_change_nothing_on_a_node() {
    let Some(node) = Node::boot("fresh") else {
        return;
    };
    let signer = Signer::new("owner@house.example");
    node.put("/root/signers", &signer.allowed_signers());
    node.put("/root/password", "a token\n");
    node.put("/root/garbage", "owner@house.example ssh-ed25519 AAAA\n");

    let answer = node.install(FULL);
    assert_ne!(answer.code, Some(0));
    assert!(answer.output.contains("--kubeconfig"), "{}", answer.output);

    node.put("/etc/rancher/k3s/k3s.yaml", KUBECONFIG);
    let before = files(&node);
    let private = "--username git --password-file /root/password";
    shows_every_step(&node, private);
    assert_eq!(files(&node), before, "a dry run changes nothing");

    is_asked_on_a_terminal(&node);
    assert_eq!(
        files(&node),
        before,
        "a dry run after questions changes nothing either"
    );

    let wrong = [
        ("--branch main", "--repo"),
        (
            "--binary /opt/windlass --repo https://git.example.com/house.git",
            "--signers",
        ),
        (&format!("{FULL} --introduction 12345"), "introduction"),
        (
            &format!("{FULL} --repo ftp://git.example.com/house.git"),
            "url",
        ),
        (
            &format!("{FULL} --signers /root/garbage"),
            "allowed_signers: line 1",
        ),
        (&format!("{FULL} --username git"), "needs password_file"),
        (
            &format!("{FULL} --password-file /root/password"),
            "needs username",
        ),
        (
            &format!("{FULL} {private} --known-hosts /root/signers"),
            "known_hosts_file is for ssh",
        ),
        // All is well but for the repository, which is asked by the process that will ask it.
        (FULL, "https://git.example.com/house.git cannot be fetched"),
        (&format!("{FULL} --ca /root/away"), "/root/away is not"),
        (&format!("{FULL} --signers /root/away"), "/root/away is not"),
        (
            &format!("{FULL} --kubeconfig /root/garbage"),
            "/etc/windlass/kubeconfig: not",
        ),
    ];
    for (arguments, word) in wrong {
        is_refused(&node, arguments, word);
    }
}

/// Nothing of the checkout and no --binary is needed, and what is damaged on the way is seen.
#[test]
fn an_archive_of_make_dist_holds_all_that_an_installation_needs() {
    let Some(node) = Node::boot("archive") else {
        return;
    };
    let folder = Directory::new("dist");
    let path = |name: &str| folder.join(name).display().to_string();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        let output = output.expect("the program is there");
        assert!(output.status.success(), "{program}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let stripped = path("windlass");
    let built = windlass_kit::agent::binary().display().to_string();
    run("objcopy", &["--strip-all", &built, &stripped]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/dist.sh");
    let script = script.display().to_string();
    let archive = run(&script, &[&stripped, "amd64", &path("out")]);
    let again = run(&script, &[&stripped, "amd64", &path("again")]);
    assert_eq!(
        std::fs::read(&archive).unwrap(),
        std::fs::read(again).unwrap()
    );

    node.put_program("/root/archive.tar.gz", Path::new(&archive));
    node.sh("cd /root && tar xzf archive.tar.gz && mv windlass-* unpacked && cd unpacked && sha256sum --check --quiet SHA256SUMS");
    node.put(
        "/root/signers",
        &Signer::new("owner@house.example").allowed_signers(),
    );
    node.put("/etc/rancher/k3s/k3s.yaml", KUBECONFIG);
    let answer = node.run(&[
        "sh",
        "-c",
        "cd / && /root/unpacked/install.sh --repo https://git.example.com/house.git --signers /root/signers \
         --introduction 1",
    ]);
    // Its own binary judged.
    assert_eq!(answer.code, Some(1), "{}", answer.output);
    assert!(answer.output.contains("introduction"), "{}", answer.output);
    node.sh(
        "echo >>/root/unpacked/windlass; cd /root/unpacked; ! sha256sum --check --quiet SHA256SUMS",
    );
}

fn shows_every_step(node: &Node, private: &str) {
    let answer = node.install(&format!("{FULL} {private} --dry-run"));
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    for step in [
        "/etc/rancher/k3s/k3s.yaml",
        "/usr/bin/windlass",
        "✔ systemd 2",
        "✔ disk: ",
        " clock: ",
        "check of settings, keys, cluster and repository",
        "password file: /etc/windlass/git-password (windlass, 0600)",
        "nothing was done",
    ] {
        assert!(answer.output.contains(step), "{step}: {}", answer.output);
    }
}

/// Bare on a terminal it asks, asks again for a file that is not there, and says how to do without.
fn is_asked_on_a_terminal(node: &Node) {
    let answers = [
        "https://git.example.com/house.git",
        "git",
        "/root/away",
        "/root/password",
        "",
        "./kubernetes",
        "/root/signers",
        "",
        "chief",
        "",
    ];
    let script =
        "script -qec '/opt/checkout/install.sh --binary /opt/windlass --dry-run' /dev/null";
    let typed = format!("printf '%s\\n' \"$@\" | {script}");
    let mut command = vec!["sh", "-c", &typed, "sh"];
    command.extend(answers);
    let answer = node.run(&command);
    assert_eq!(answer.code, Some(0), "{}", answer.output);
    for text in [
        "there is no file /root/away",
        "Branch [main]:",
        "sudo /opt/checkout/install.sh --repo https://git.example.com/house.git --branch main --path ./kubernetes \
         --signers /root/signers --username git --password-file /root/password --role leader",
        "leader, cache or external, not chief",
        "settings: /etc/windlass/config.toml",
        "nothing was done",
    ] {
        assert!(answer.output.contains(text), "{text}: {}", answer.output);
    }
}

fn is_refused(node: &Node, arguments: &str, word: &str) {
    let answer = node.install(arguments);
    assert_ne!(answer.code, Some(0), "{arguments}: {}", answer.output);
    assert!(answer.output.contains(word), "{word}: {}", answer.output);
    let left = node.sh(INSTALLED);
    assert_eq!(left, "", "{arguments}: nothing is left to be started");
}
