//! The pages of `docs/trust.md` about keys that come and go, run as they stand there, on a house of two nodes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use windlass_kit::agent::{Agent, binary};
use windlass_kit::controlplane::Options;
use windlass_kit::repo::Signer;
use windlass_kit::ssh::SshServer;

use crate::house::{House, root_source};
use crate::person::{Person, done, words};
use crate::ratchet::witnessed;
use crate::tenant::map;
use crate::trust::refused;

const PAGE: &str = include_str!("../../../docs/trust.md");

/// What the page calls the person.
const ME: &str = "me@example.org";

/// The command lines of one part of the page.
pub(crate) fn page(heading: &str) -> Vec<&'static str> {
    let (_, part) = PAGE.split_once(&format!("## {heading}\n")).unwrap();
    let part = part.split("\n#").next().unwrap();
    let blocks = part.split("```\n").skip(1).step_by(2);
    blocks.flat_map(str::lines).collect()
}

/// A house of two nodes that ssh reaches, whose person has a spare key.
struct Homelab {
    house: House,
    second: Agent,
    spare: Signer,
    person: Person,
    nodes: [SshServer; 2],
}

impl Homelab {
    fn start() -> Self {
        let files = [("root.yaml", map("default", "root", "one"))];
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        let mut house = House::prepare(&Options::api_server(), &files);
        let spare = Signer::new(&format!("{}-spare", house.signer.principal()));
        let roots = house.signer.allowed_signers() + &spare.allowed_signers();
        let mut second = house.second_agent();
        for agent in [&mut house.agent, &mut second] {
            agent.write_signers(&roots);
            agent.start();
        }
        house.root_ready();
        let person = Person::of(&house);
        let nodes = [&house.agent, &second].map(node);
        let homelab = Homelab {
            house,
            second,
            spare,
            person,
            nodes,
        };
        homelab.furnish();
        homelab
    }

    /// A home with keys, and an ssh that knows the nodes.
    fn furnish(&self) {
        let home = self.person.home();
        std::fs::create_dir_all(home.join(".ssh")).unwrap();
        let copy = |signer: &Signer, name: &str| {
            let to = home.join(".ssh").join(name);
            std::fs::copy(signer.key(), &to).unwrap();
            std::fs::copy(signer.key().with_extension("pub"), to.with_extension("pub")).unwrap();
        };
        copy(&self.spare, "spare-key");
        copy(&Signer::new("new"), "id_ed25519");
        let known = home.join("known_hosts");
        let hosts: String = self.nodes.iter().map(SshServer::known_hosts).collect();
        std::fs::write(&known, hosts).unwrap();
        let [a, b] = &self.nodes;
        let config = home.join("ssh_config");
        std::fs::write(&config, a.host("a", &known) + &b.host("b", &known)).unwrap();
        let line = format!("exec /usr/bin/ssh -F {} \"$@\"", config.display());
        program(&home.join("bin"), "ssh", &line);
    }

    /// Runs a line of the page in a folder of the person's home.
    fn run(&self, folder: &Path, line: &str) -> Output {
        let origin = self.house.git.path().join("house.git");
        let mut line = line
            .replace(
                "https://git.example.com/house.git",
                &origin.display().to_string(),
            )
            .replace(ME, self.house.signer.principal());
        let asks = ["windlass trust apply", "windlass trust roots fetch"];
        if asks.iter().any(|asking| line.starts_with(asking)) {
            line += " --yes";
        }
        let path = format!(
            "{}:{}:/usr/local/bin:/usr/bin:/bin",
            self.person.home().join("bin").display(),
            binary().parent().unwrap().display()
        );
        let environment = [
            ("PATH", &*path),
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "user.name"),
            ("GIT_CONFIG_VALUE_0", "Owner"),
            ("GIT_CONFIG_KEY_1", "user.email"),
            ("GIT_CONFIG_VALUE_1", self.house.signer.principal()),
        ];
        self.person.shell(folder, &line, &environment)
    }

    /// Both nodes go on to what was pushed, and a key that is out counts for nothing.
    fn goes_on_without(&mut self, head: &str, lost: &Signer) {
        self.house.request();
        self.house.applied(head);
        witnessed(&self.house, "node-b", head);
        let origin = self.house.git.path().join("house.git");
        self.house
            .repo
            .git(&["pull", "--quiet", origin.to_str().unwrap(), "main"]);
        self.house.repo.publish(
            &[("evil.yaml", &map("default", "evil", "evil"))],
            "Evil",
            lost,
        );
        self.house.request();
        refused(
            &self.house,
            &root_source(),
            "InvalidCommitSignature",
            &["UnknownKey"],
        );
    }
}

/// A node: an sshd whose sessions have the agent's windlass.
pub(crate) fn node(agent: &Agent) -> SshServer {
    let bin = agent.path().join("bin");
    let windlass = format!(
        "for word; do shift; [ \"$word\" = /etc/windlass/config.toml ] && word={}; set -- \"$@\" \"$word\"; done\nexec {} \"$@\"",
        agent.config().display(),
        binary().display()
    );
    program(&bin, "windlass", &windlass);
    // Where the tests are not root's, the node is theirs all the same.
    program(&bin, "sudo", "shift; exec \"$@\"");
    SshServer::start_with(&[format!("SetEnv PATH={}:/usr/bin:/bin", bin.display())])
}

pub(crate) fn program(folder: &Path, name: &str, lines: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn head(homelab: &Homelab, clone: &Path) -> String {
    done(&homelab.run(clone, "git rev-parse HEAD"))
}

#[test]
fn a_stolen_laptop_costs_one_page_and_its_key_counts_for_nothing_more() {
    let mut homelab = Homelab::start();
    let lines = page("The laptop was stolen");
    let home: PathBuf = homelab.person.home().to_owned();
    let (first, rest) = lines.split_first().unwrap();
    done(&homelab.run(&home, first));
    let clone = home.join("house");
    for line in rest {
        done(&homelab.run(&clone, line));
    }
    let new = head(&homelab, &clone);
    let stolen = Signer::new("stand-in");
    let stolen = std::mem::replace(&mut homelab.house.signer, stolen);
    homelab.goes_on_without(&new, &stolen);
}

#[test]
fn a_lost_key_hurries_nobody_and_the_spare_signs_until_nodes_are_told() {
    let mut homelab = Homelab::start();
    let clone = homelab.person.clone();
    done(&homelab.run(&clone, "windlass trust roots fetch a"));
    let spare = homelab.spare.key().display().to_string();
    homelab.person.git(&["config", "gpg.format", "ssh"]);
    let sign = format!("user.signingkey={spare}");
    let by_spare = [
        "-c",
        &*sign,
        "commit",
        "-S",
        "--allow-empty",
        "-qm",
        "Spare",
    ];
    homelab.person.git(&by_spare);
    homelab.person.git(&["push", "--quiet", "origin", "main"]);
    let by_spare = head(&homelab, &clone);
    homelab.house.request();
    homelab.house.applied(&by_spare);

    let (_, part) = PAGE.split_once("### The key is lost\n").unwrap();
    let refers =
        "The commands are those above, in\nthe clone that is there (without the first two lines)";
    assert!(part.split("\n#").next().unwrap().contains(refers));
    for line in &page("The laptop was stolen")[2..] {
        done(&homelab.run(&clone, line));
    }
    let new = head(&homelab, &clone);
    let lost = std::mem::replace(&mut homelab.house.signer, Signer::new("stand-in"));
    homelab.goes_on_without(&new, &lost);
}

#[test]
fn a_lost_spare_is_replaced_and_a_node_that_was_off_is_told_later() {
    let homelab = Homelab::start();
    let clone = homelab.person.clone();
    done(&homelab.run(&clone, "windlass trust roots fetch a"));
    let lines = page("The spare key is lost");
    let (apply, before) = lines.split_last().unwrap();
    for line in before {
        done(&homelab.run(&clone, line));
    }
    homelab.nodes[1].stop();
    let said = homelab.run(&clone, apply);
    let text = words(&said);
    assert!(
        !said.status.success() && text.contains("not told: b"),
        "{text}"
    );
    homelab.nodes[1].restart();
    let text = done(&homelab.run(&clone, apply));
    assert!(text.contains("a\n  has these keys already"), "{text}");
    assert!(
        text.contains(&format!("- {}-spare", homelab.house.signer.principal())),
        "{text}"
    );
    let public = std::fs::read_to_string(homelab.person.home().join("new-spare.pub")).unwrap();
    let key = public.split(' ').nth(1).unwrap();
    for agent in [&homelab.house.agent, &homelab.second] {
        let roots = std::fs::read_to_string(agent.path().join("allowed_signers")).unwrap();
        assert_eq!(roots.lines().count(), 2, "{roots}");
        assert!(
            roots.contains(key) && !roots.contains(homelab.spare.public_key()),
            "{roots}"
        );
    }
    // The key that is left still signs, under the same roots on both nodes.
    sign_as(&homelab.person, &homelab.house.signer);
    let commit = homelab
        .person
        .commit("b.yaml", &map("default", "b", "b"), &[]);
    homelab.person.git(&["push", "--quiet", "origin", "main"]);
    homelab.house.request();
    homelab.house.applied(&commit);
    witnessed(&homelab.house, "node-b", &commit);

    for (line, why) in [
        (
            "windlass trust roots remove nobody@example.org",
            "neither the name nor the fingerprint",
        ),
        ("windlass trust roots fetch a", "this clone knows roots"),
        (
            "windlass trust roots add again@example.org --key ~/new-spare.pub",
            "is there already",
        ),
        ("windlass trust apply --node=-oProxyCommand=true", "no node"),
    ] {
        let said = homelab.run(&clone, line);
        assert!(
            !said.status.success() && words(&said).contains(why),
            "{line}: {}",
            words(&said)
        );
    }
}

#[test]
fn somebody_comes_and_goes_by_a_commit() {
    let homelab = Homelab::start();
    let (house, person) = (&homelab.house, &homelab.person);
    let clone = person.clone();
    done(&homelab.run(&clone, "windlass trust roots fetch a"));
    sign_as(person, &house.signer);
    let ada = Signer::new("ada@example.org");
    std::fs::write(clone.join("ada.pub"), ada.public_key()).unwrap();
    std::fs::create_dir(clone.join("apps")).unwrap();
    let lines = page("Somebody comes, and goes");
    let (come, go) = lines.split_at(2);
    let follows = |commit: &str| {
        house.request();
        house.applied(commit);
    };

    come.iter()
        .for_each(|line| drop(done(&homelab.run(&clone, line))));
    follows(&head(&homelab, &clone));
    std::fs::remove_file(clone.join("ada.pub")).unwrap();
    sign_as(person, &ada);
    let hers = person.commit("apps/ada.yaml", &map("default", "ada", "one"), &[]);
    person.git(&["push", "--quiet", "origin", "main"]);
    follows(&hers);

    sign_as(person, &house.signer);
    go.iter()
        .for_each(|line| drop(done(&homelab.run(&clone, line))));
    follows(&head(&homelab, &clone));
    sign_as(person, &ada);
    person.commit("apps/ada.yaml", &map("default", "ada", "two"), &[]);
    person.git(&["push", "--quiet", "origin", "main"]);
    house.request();
    refused(
        house,
        &root_source(),
        "InvalidCommitSignature",
        &["UnknownKey"],
    );
}

/// From now on git signs all that the person commits with this key.
fn sign_as(person: &Person, signer: &Signer) {
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("commit.gpgsign", "true"),
        ("user.signingkey", signer.key().to_str().unwrap()),
    ] {
        person.git(&["config", name, value]);
    }
}
