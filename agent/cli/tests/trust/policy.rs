//! A policy in the repository, from the laptop of whoever owns it.

use windlass_kit::repo::Signer;

use super::{Place, text as text_of, verdicts};

const KUSTOMIZATION: &str = "images:\n- name: web\n  newName: example/web\n  newTag: '1.0'\n";

/// A policy under which a bot may change `apps/`, and its key.
fn policy(bot: &Signer, version: u64, more: &str) -> String {
    let line = bot.allowed_signers();
    let key = line.get(line.find("ssh-").unwrap()..).unwrap().trim();
    format!(
        "version = {version}\n\n[[principal]]\nname = \"bot\"\npaths = [\"apps/**\"]\nkeys = [\"{key}\"]\n{more}"
    )
}

#[test]
fn a_bot_changes_its_folder_and_nothing_else_and_every_command_says_why() {
    let mut place = Place::new();
    let bot = Signer::new("bot@example.org");
    let begin = place.signed("Begin");
    place.repo.write("windlass.policy", policy(&bot, 1, ""));
    let signers = place.signers();
    place.trust(&["policy", "check", "."]).done().says(&[
        "windlass.policy may follow",
        "version 1, 1 principal, 0 keys revoked",
    ]);
    let started = place.signed("Let the bot in");
    place
        .trust(&["policy", "show", "."])
        .done()
        .says(&["version 1\n", "bot may change apps/**\n  SHA256:"]);
    place.repo.write("apps/web.yaml", "web: 1");
    let own = place.repo.commit("Bump web", &bot);
    place.repo.write("infra.yaml", "net: 1");
    let foreign = place.repo.commit("Reach out", &bot);

    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{own}")]);
    assert_eq!(verdicts(&data), ["signed", "signed"]);
    assert_eq!(data["commits"][1]["signer"]["principal"], "bot");
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{foreign}")]);
    assert_eq!(verdicts(&data), ["signed", "signed", "refused"]);
    assert_eq!(data["refusal"]["code"], "PathNotAllowed");
    assert_eq!(data["commits"][2]["reason"]["code"], "PathNotAllowed");

    let explain = |commit: &str| {
        let words = [
            "explain",
            commit,
            "--repository",
            ".",
            "--signers",
            text_of(&signers),
        ];
        place.trust(&words)
    };
    explain(&started).done().says(&["pinned on the nodes"]);
    explain(&own).done().says(&[
        "signed by bot, whom windlass.policy of",
        "lets change all that it changes",
    ]);
    let refused = explain(&foreign).failed();
    refused.says(&["bot may not change \"infra.yaml\" by windlass.policy"]);
}

#[test]
fn a_bot_that_may_only_raise_versions_is_told_what_is_more_than_that() {
    let mut place = Place::new();
    let bot = Signer::new("bot@example.org");
    let begin = place.signed("Begin");
    let text = policy(&bot, 1, "role = \"bump\"\n")
        .replace("version = 1\n", "version = 1\nunrendered = [\"docs/**\"]\n");
    place.repo.write("windlass.policy", text);
    place.repo.write("apps/kustomization.yaml", KUSTOMIZATION);
    place.signed("Let the bot in");
    place.trust(&["policy", "show", "."]).done().says(&[
        "bot may raise versions in apps/**\n",
        "no render reads docs/**\n",
    ]);
    let raised = KUSTOMIZATION.replace("1.0", "1.1");
    place.repo.write("apps/kustomization.yaml", &raised);
    place.repo.commit("Bump web", &bot);
    let more = raised.replace("example/web", "evil/web");
    place.repo.write("apps/kustomization.yaml", more);
    let smuggled = place.repo.commit("Bump web", &bot);
    let data = place.verified(&place.repo.path(), &[&format!("{begin}..{smuggled}")]);
    assert_eq!(verdicts(&data), ["signed", "signed", "refused"]);
    assert_eq!(data["refusal"]["code"], "NotABump");
    let signers = place.signers();
    let words = [
        "explain",
        &smuggled,
        "--repository",
        ".",
        "--signers",
        text_of(&signers),
    ];
    place
        .trust(&words)
        .failed()
        .says(&["bot may only raise versions by windlass.policy, and changes more in \"apps/kustomization.yaml\": line 3: "]);
}

#[test]
fn a_policy_that_goes_back_is_told_before_it_is_committed() {
    let mut place = Place::new();
    let bot = Signer::new("bot@example.org");
    let gone = "[[revoked]]\nkey = \"SHA256:uNiVztksCsDhcc0u9e8BrxZr5ELYYZd4YLkKQ8b4rHU\"\nas = \"hard\"\n";
    place.repo.write("windlass.policy", policy(&bot, 4, gone));
    place.signed("Policy");
    for (text, words) in [
        (
            policy(&bot, 4, ""),
            "from version 4 to 4, which is not higher",
        ),
        (policy(&bot, 5, ""), "does not revoke SHA256:uNiV"),
        (policy(&bot, 5, "threshold = 0\n"), "threshold"),
        (
            "version = 5\nprincipals = 3\n".to_owned(),
            "unknown field `principals`",
        ),
    ] {
        place.repo.write("windlass.policy", &text);
        place
            .trust(&["policy", "check", "."])
            .failed()
            .says(&[words]);
    }
}

#[test]
fn a_history_is_judged_by_a_policy_that_nobody_committed() {
    let mut place = Place::new();
    let bot = Signer::new("bot@example.org");
    let begin = place.signed("Begin");
    place.repo.write("apps/web.yaml", "web: 1");
    let own = place.repo.commit("Bump web", &bot);
    place.repo.write("infra.yaml", "net: 1");
    let foreign = place.repo.commit("Reach out", &bot);
    let file = place.directory.join("policy.toml");
    std::fs::write(&file, policy(&bot, 1, "")).unwrap();
    let judged = |to: &str, more: &[&str]| {
        let range = format!("{begin}..{to}");
        place.verified(&place.repo.path(), &[&[range.as_str()][..], more].concat())
    };
    let under = ["--policy", text_of(&file)];
    assert_eq!(judged(&own, &[])["refusal"]["code"], "UnknownKey");
    assert_eq!(verdicts(&judged(&own, &under)), ["signed"]);
    assert_eq!(
        judged(&foreign, &under)["refusal"]["code"],
        "PathNotAllowed"
    );
    std::fs::write(&file, "version = 0").unwrap();
    let signers = place.signers();
    let words = [
        "verify",
        ".",
        &begin,
        "--policy",
        text_of(&file),
        "--signers",
        text_of(&signers),
    ];
    place
        .trust(&words)
        .failed()
        .says(&["version must be 1 or more"]);
}
