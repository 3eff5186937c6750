//! The `trust` commands as the owner of a house types them, against a node that really refuses and accepts.

use serde_json::Value;
use windlass_kit::controlplane::Options;

use crate::house::{House, ready, root_source};
use crate::person::{Person, done, words};
use crate::tenant::map;

/// A house whose owner began to trust with `trust init`, and whose node got what that printed.
fn begun() -> (House, Person, String) {
    let mut house = House::prepare(
        &Options::api_server(),
        &[("root.yaml", &map("default", "root", "one"))],
    );
    house.repo.commit_unsigned("As it was for years");
    house.repo.push();
    let person = Person::of(&house);
    let said = person.init(&house, &house.signer);
    let introduction = person.git(&["rev-parse", "HEAD"]);
    install(&mut house, &person, &said);
    house.applied(&introduction);
    (house, person, introduction)
}

/// Does what the line for the nodes does, as far as a test's node goes: its keys, and where trust begins.
fn install(house: &mut House, person: &Person, said: &str) {
    let line = said
        .lines()
        .find(|line| line.starts_with("printf"))
        .unwrap();
    let (keys, install) = line.split_once(" && sudo ").unwrap();
    done(&person.shell(person.home(), keys, &[]));
    let signers = std::fs::read_to_string(person.home().join("allowed_signers")).unwrap();
    house.agent.write_signers(&signers);
    let mut words = install
        .split(' ')
        .skip_while(|word| *word != "--introduction");
    house
        .agent
        .set("root", "introduction", words.nth(1).unwrap());
    house.agent.start();
}

#[track_caller]
fn refused(house: &House, commit: &str) -> String {
    house.request();
    let source = house
        .admin()
        .wait_for("the refusal", &root_source(), |source| {
            let condition = ready(source);
            let message = condition["message"].as_str().unwrap_or_default();
            condition["reason"] == "InvalidCommitSignature" && message.contains(commit)
        });
    ready(&source)["message"].as_str().unwrap().to_owned()
}

/// The command that a sentence names.
fn command(message: &str) -> &str {
    message.split('`').nth(1).unwrap()
}

#[test]
fn the_hook_stops_what_nodes_refuse_and_the_printed_command_mends_what_was_pushed_past_it() {
    let (house, person, introduction) = begun();
    person.windlass("trust hook install");

    let signed = person.commit("root.yaml", &map("default", "root", "two"), &[]);
    person.git(&["push", "--quiet", "origin", "main"]);
    house.request();
    house.applied(&signed);

    let unsigned = ["--no-gpg-sign"];
    let forgotten = person.commit("root.yaml", &map("default", "root", "three"), &unsigned);
    let stopped = person.try_git(&["push", "origin", "main"]);
    assert!(!stopped.status.success(), "{}", words(&stopped));
    assert!(
        words(&stopped).contains("not signed"),
        "{}",
        words(&stopped)
    );
    let remote = person.git(&["ls-remote", "origin", "refs/heads/main"]);
    assert!(remote.starts_with(&signed), "{remote}");

    person.git(&["push", "--quiet", "--no-verify", "origin", "main"]);
    let message = refused(&house, &forgotten);
    let command = command(&message);
    assert_eq!(
        command,
        format!("windlass trust countersign --from {signed}"),
        "{message}"
    );
    let said = person.shell(&person.clone(), &format!("{command} --yes"), &[]);
    done(&said);
    let said = words(&said);
    for part in ["1 commit", "root.yaml", "git push origin main"] {
        assert!(said.contains(part), "{said}");
    }
    let merge = person.git(&["rev-parse", "HEAD"]);
    person.git(&["push", "--quiet", "origin", "main"]);
    house.request();
    house.applied(&merge);

    tells(
        &house,
        &person,
        &[&introduction, &signed, &merge],
        &forgotten,
    );
}

/// What `trust show` and `trust log` say on the node.
fn tells(house: &House, person: &Person, accepted: &[&str], refused: &str) {
    let config = house.agent.config();
    let ask = |what: &str| person.windlass(&format!("trust {what} --config {}", config.display()));
    let short = |id: &str| id.get(..8).unwrap().to_owned();
    let last = accepted.last().unwrap();

    let shown = ask("show");
    let url = house.git.url("house.git");
    let key = house.signer.principal();
    for part in [url.as_str(), key, "path", accepted[0], &short(last)] {
        assert!(shown.contains(part), "no {part} in:\n{shown}");
    }
    let data: Value = serde_json::from_str(&ask("show -o json")).unwrap();
    assert_eq!(data["introduction"], accepted[0]);
    assert_eq!(data["lines"][0]["head"], **last, "{data}");
    assert_eq!(data["lines"][0]["lastVerdict"]["verdict"], "accepted");

    let log: Value = serde_json::from_str(&ask("log -o json")).unwrap();
    let entries: Vec<_> = log.as_array().unwrap().iter().rev().collect();
    let verdicts: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["to"].as_str().unwrap(),
                entry["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    let [introduction, signed, merge] = accepted else {
        panic!("three were accepted");
    };
    let expected = [
        (*introduction, "accepted"),
        (*signed, "accepted"),
        (refused, "refused"),
        (*merge, "accepted"),
    ];
    assert_eq!(verdicts, expected);
    let text = ask("log");
    for part in ["not signed", &short(refused), "from the side", key] {
        assert!(text.contains(part), "no {part} in:\n{text}");
    }
}

/// The commands of an example for a forge's CI: the lines below `key`, by their indentation.
fn steps(example: &str, key: &str) -> String {
    let mut lines = example
        .lines()
        .skip_while(|line| !line.trim_start().starts_with(key));
    let first = lines.next().unwrap();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let inner = lines.take_while(|line| depth(line) > depth(first));
    let commands = inner.map(|line| line.trim().trim_start_matches("- "));
    commands.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_for_a_forges_ci_pass_and_fail_as_nodes_accept_and_refuse() {
    let house = House::prepare(&Options::api_server(), &[("a.yaml", "")]);
    let person = Person::of(&house);
    person.init(&house, &house.signer);
    let pins = person.clone().join(".git/windlass");
    let pinned = |name: &str| std::fs::read_to_string(pins.join(name)).unwrap();
    let (signers, introduction) = (pinned("allowed_signers"), pinned("introduction"));
    let signers_file = pins.join("allowed_signers");
    let temporary = person.home().join("runner");
    std::fs::create_dir(&temporary).unwrap();

    let github = steps(include_str!("../../../docs/ci/github.yaml"), "run: |");
    let gitlab = steps(include_str!("../../../docs/ci/gitlab.yaml"), "script:");
    // What the forge sets; a variable has no line break at its end.
    let github_variables = [
        ("SIGNERS", signers.trim_end()),
        ("INTRODUCTION", introduction.trim_end()),
        ("RUNNER_TEMP", temporary.to_str().unwrap()),
    ];
    let gitlab_variables = [
        ("WINDLASS_SIGNERS", signers_file.to_str().unwrap()),
        ("WINDLASS_INTRODUCTION", introduction.trim_end()),
    ];
    let run = |number: usize, passes: bool| {
        // As the forges check out: a whole clone, its head at the commit and on no branch.
        let checkout = person.clone_to(
            &format!("checkout-{number}"),
            &house.git.path().join("house.git"),
        );
        done(&person.shell(&checkout, "git checkout --quiet --detach", &[]));
        let ran = [
            person.shell(&checkout, &github, &github_variables),
            person.shell(&checkout, &gitlab, &gitlab_variables),
        ];
        for output in ran {
            assert_eq!(output.status.success(), passes, "{}", words(&output));
        }
    };
    run(1, true);
    person.commit("a.yaml", "# signed\n", &[]);
    person.git(&["push", "--quiet", "origin", "main"]);
    run(2, true);
    person.commit("a.yaml", "# forgotten\n", &["--no-gpg-sign"]);
    person.git(&["push", "--quiet", "origin", "main"]);
    run(3, false);
    person.windlass("trust countersign --yes");
    person.git(&["push", "--quiet", "origin", "main"]);
    run(4, true);
}

#[test]
fn a_person_at_a_terminal_begins_with_at_most_five_questions() {
    let house = House::prepare(&Options::api_server(), &[("a.yaml", "")]);
    let person = Person::of(&house);
    person.git(&[
        "config",
        "user.signingkey",
        house.signer.key().to_str().unwrap(),
    ]);
    person.git(&["config", "gpg.format", "ssh"]);
    // Enter to each, and a yes at the end; `script` gives the program a terminal.
    let line =
        "printf '\n\n\ny\n' | script --quiet --return --command 'windlass trust init' /dev/null";
    let said = words(&person.shell(&person.clone(), line, &[]));
    let questions = said.lines().filter(|line| line.starts_with("? "));
    assert!((2..=5).contains(&questions.count()), "{said}");
    for part in [
        "Which key signs",
        "A spare key",
        "install.sh --repo",
        "hook install",
    ] {
        assert!(said.contains(part), "no {part} in:\n{said}");
    }
    person.git(&["verify-commit", "HEAD"]);
    let spare = person.clone().join(".git/windlass/spare-key");
    assert!(spare.exists(), "{said}");
}
