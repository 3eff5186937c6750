//! The service under the hands of its owner: `systemctl reload`, and credentials that systemd hands over.

use std::path::Path;

use windlass_kit::api::ObjectRef;
use windlass_kit::repo::Signer;
use windlass_kit::wait;

use crate::house::{House, SOON};
use crate::node::Node;

const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  \
                        namespace: default\ndata:\n  colour: green\n";

/// A part of the repository whose files the node's own key opens.
const SECRETS: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  \
                       name: secrets\n  namespace: flux-system\nspec:\n  interval: 10m\n  path: ./secrets\n  \
                       prune: true\n  targetNamespace: default\n  decryption:\n    provider: sops\n  \
                       sourceRef:\n    kind: GitRepository\n    name: flux-system\n";

/// A file of this checkout.
fn checkout(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn a_reload_counts_at_once_interrupts_nothing_and_refuses_what_is_wrong() {
    let Some(node) = Node::boot("reload") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    let agent = house.agent();
    house.another_path_and_another_signer_count();
    house.what_is_wrong_is_refused();
    house.what_needs_a_restart_is_said();
    assert_eq!(house.agent(), agent, "it is the process of before");
    let stood_by = "journalctl --unit=windlass | grep -c 'this node stands by' || true";
    assert_eq!(house.node.sh(stood_by), "0", "it led all the time");
}

#[test]
fn a_node_with_sealed_credentials_fetches_and_decrypts_and_starts_without_an_api_server() {
    let Some(node) = Node::boot("sealed") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    house.credentials_are_handed_over();
    house.an_encrypted_file_is_applied();

    house.control_plane.kill_api_server();
    // The agent asks for the branch as it starts, and then a minute later.
    let commit = house.publish("green");
    house.node.sh("systemctl restart windlass");
    wait::until("the commit to be fetched and verified", SOON, || {
        let status = house.node.property("windlass", "StatusText");
        let begin = format!("standby, main@sha1:{commit}, ");
        let apart = status.contains("API server does not answer");
        if status.starts_with(&begin) && apart {
            Ok(())
        } else {
            Err(status)
        }
    });
    house.control_plane.start_api_server();
    house.colour_is("green");
}

impl House {
    /// The originals are root's alone; one of them is sealed.
    fn credentials_are_handed_over(&self) {
        let key = checkout("agent/sops/tests/golden/keys/one.agekey");
        self.node.put("/root/one.agekey", &key);
        let unit = "[Service]\nLoadCredential=age.agekey:/root/one.agekey\n\
                    LoadCredentialEncrypted=git-password:/root/sealed\n";
        self.drop_in("windlass.service", "credentials", unit);
        let text = "[root]\npassword_file = \"credential:git-password\"\n\
                    [sops]\nage_key_file = \"credential:age.agekey\"\n";
        self.set(text);
        // The password of the installation is gone: only the sealed one opens the repository.
        self.node.sh(
            "systemd-creds encrypt --with-key=host --name=git-password /root/password /root/sealed
                      rm /etc/windlass/git-password /root/password",
        );
        let answer = self.node.install("--binary /opt/windlass");
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        let agent = self.agent();
        let refused = format!(
            "! setpriv --reuid=windlass --regid=windlass --clear-groups cat /root/one.agekey; \
                               ! grep -q AGE-SECRET /proc/{agent}/environ"
        );
        self.node.sh(&refused);
    }

    fn an_encrypted_file_is_applied(&mut self) {
        let secret = checkout("tests/fixtures/sops/encrypted/secret.yaml");
        let files = [
            (
                "kustomization.yaml",
                "resources: [settings.yaml, secrets.yaml]\n",
            ),
            ("secrets.yaml", SECRETS),
            ("secrets/secret.yaml", secret.as_str()),
        ];
        let commit = self.repo.publish(&files, "secret", &self.signer);
        self.reconciles();
        self.status_is(&format!("leader, main@sha1:{commit}, 2/2 ready"));
        let secret = ObjectRef::new("v1", "Secret", "default", "whole");
        assert!(self.control_plane.admin().get(&secret).is_some());
    }

    fn set(&self, text: &str) {
        let file = "/etc/windlass/config.d/more.toml";
        self.node.put(file, text);
        self.node.sh(&format!("chmod 0644 {file}"));
    }

    fn another_path_and_another_signer_count(&mut self) {
        let second = Signer::new("second@house.example");
        let keys = self.signer.allowed_signers() + &second.allowed_signers();
        let file = "/etc/windlass/trust.d/both";
        self.node.put(file, &keys);
        self.node.sh(&format!("chmod 0644 {file}"));
        self.set(&format!(
            "[root]\npath = \"./green\"\nallowed_signers = \"{file}\"\n"
        ));
        let files = [("green/settings.yaml", SETTINGS)];
        let commit = self.repo.publish(&files, "green", &second);
        self.node.sh("systemctl reload windlass");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is("green");
    }

    fn what_is_wrong_is_refused(&self) {
        let good = self.node.sh("cat /etc/windlass/config.d/more.toml");
        self.set("[root]\npath = 7\n");
        let answer = self.node.run(&["systemctl", "reload", "windlass"]);
        assert_eq!(answer.code, Some(1), "{}", answer.output);
        let why = "journalctl --unit=windlass --output=cat | grep 'more.toml:2: .*path'";
        self.node.sh(why);
        // Whoever sends the signal by hand is told as well, and systemd is not left waiting.
        self.node
            .sh("systemctl kill --kill-who=main --signal=HUP windlass");
        wait::until("the refusal to be logged", SOON, || {
            let said = "what the configuration said before counts until this is corrected";
            let answer = self.node.run(&[
                "journalctl",
                "--unit=windlass",
                "--output=cat",
                "--grep",
                said,
            ]);
            if answer.code == Some(0) {
                Ok(())
            } else {
                Err(answer.output)
            }
        });
        assert_eq!(self.node.property("windlass", "ActiveState"), "active");
        self.repaint("red");
        self.colour_is("green");
        self.set(&good);
    }

    fn what_needs_a_restart_is_said(&self) {
        let good = self.node.sh("cat /etc/windlass/config.d/more.toml");
        self.set(&format!("{good}\n[limits]\nconcurrency = 7\n"));
        self.node.sh("systemctl reload windlass");
        wait::until("it to be said", SOON, || {
            let said = "limits. changed, which counts after `systemctl restart windlass` only";
            let answer = self.node.run(&[
                "journalctl",
                "--unit=windlass",
                "--output=cat",
                "--grep",
                said,
            ]);
            if answer.code == Some(0) {
                Ok(())
            } else {
                Err(answer.output)
            }
        });
    }
}
