//! `trust init`: trust begins in a clone full of unsigned commits.
//!
//! One signed commit with the directory of the branch's head becomes the introduction: nodes look only at it and at what
//! descends from it, so everything before is vouched for by its id.

mod answers;
mod install;

use windlass_trust::{Introduction, Mode, Oid, Policy, Verdict, verify};

use self::answers::Answers;
use super::agreed;
use super::arguments::InitArguments;
use super::clone::LocalClone;
use super::error::TrustError;
use super::pins::{Keys, Pins};
use super::programs::{self, Git, NewCommit};
use super::signing_key::Public;
use super::survey::Survey;
use super::words::{counted, short, shown};
use crate::screen::Screen;

/// What nodes are to trust from now on.
struct Begun {
    introduction: Oid,
    keys: Keys,
}

pub(crate) fn run(screen: &mut Screen<'_>, arguments: &InitArguments) -> Result<(), TrustError> {
    if arguments.yes {
        screen.ask_nobody();
    }
    let clone = LocalClone::open(&arguments.repository)?;
    if clone.is_shallow() {
        return Err(TrustError::Wanted {
            what: "this clone is shallow: what would be vouched for is not all here".to_owned(),
            next: "fetch the whole history first: `git fetch --unshallow`".to_owned(),
        });
    }
    let git = Git::new(clone.work_dir());
    let branch = branch(&clone, arguments.branch.as_deref())?;
    let pins = Pins::of(&clone);
    if let Some(introduction) = pins.introduction()?
        && !arguments.again
    {
        return remind(screen, &clone, &git, arguments, &branch, introduction);
    }
    let survey = Survey::of(&clone, &git, &branch)?;
    git.check_pulled(&clone, &branch, &survey.head)?;
    for line in survey.lines() {
        screen.print(&format!("  {line}\n"))?;
    }
    screen.print("\n")?;
    let answers = Answers::collect(screen, &git, arguments)?;
    explain(screen, &survey, &answers)?;
    agreed(screen, "Make and sign it?", arguments.yes)?;
    let begun = begin(screen, &clone, &git, &survey, &answers)?;
    settle(screen, &git, &pins, &answers, arguments)?;
    finish(screen, &survey, &answers, &begun)
}

/// The branch that nodes are to follow: the one named, or the one that is checked out.
pub(super) fn branch(clone: &LocalClone, named: Option<&str>) -> Result<String, TrustError> {
    if let Some(branch) = named {
        return Ok(branch.to_owned());
    }
    clone.branch()?.ok_or_else(|| TrustError::Wanted {
        what: "no branch is checked out".to_owned(),
        next: "name the one that nodes follow with --branch".to_owned(),
    })
}

/// Set up already: says where trust begins, and the line for the next node.
fn remind(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    git: &Git,
    arguments: &InitArguments,
    branch: &str,
    introduction: Oid,
) -> Result<(), TrustError> {
    let pins = Pins::of(clone);
    let keys = pins.keys()?;
    keys.signers()?;
    screen.success(&format!("trust begins at {introduction} already"))?;
    screen.action("on every node, beside install.sh:")?;
    let place = install::Place {
        url: answers::url(git, arguments).unwrap_or_else(|| install::NO_URL.to_owned()),
        path: answers::path(git, arguments, &introduction),
        branch: branch.to_owned(),
    };
    screen.print(&format!(
        "\n{}\n\n",
        install::line(&place, &keys, &introduction)
    ))?;
    Ok(screen.action("to begin anew at the present head: `windlass trust init --again`")?)
}

fn explain(screen: &mut Screen<'_>, survey: &Survey, answers: &Answers) -> Result<(), TrustError> {
    screen.print(&format!(
        "\nThis makes one commit on {}, signed by {}, with the same files as {}.\n\
         By signing it you vouch for these {} as they are now, and for nothing else of the past:\n\
         nodes look only at this commit and at what comes after it.\n\n",
        survey.branch,
        answers.name,
        short(&survey.head),
        counted(survey.files, "file"),
    ))?;
    Ok(())
}

/// Makes the commit and proves that nodes will accept it before anything points at it.
fn begin(
    screen: &mut Screen<'_>,
    clone: &LocalClone,
    git: &Git,
    survey: &Survey,
    answers: &Answers,
) -> Result<Begun, TrustError> {
    let spare = answers.spare.public_key(screen, clone)?;
    let mut keys = Keys::default();
    keys.add(&answers.name, &answers.key.public);
    if let Some(spare) = spare {
        keys.add(&format!("{}-spare", answers.name), &Public::Ssh(spare));
    }
    let message = format!(
        "Begin to trust\n\nEverything up to here is vouched for as it is: {} in {}.\n\
         From here on, nodes apply only what is signed.\n",
        counted(survey.files, "file"),
        counted(survey.commits, "commit"),
    );
    let commit = NewCommit {
        tree_of: survey.head,
        parents: &[survey.head],
        message: &message,
    };
    let introduction = answers.key.signs(git.clone()).commit_signed(&commit)?;
    let policy = Policy {
        signers: keys.signers()?,
        introduction: Introduction::FirstSigned,
        mode: Mode::Path,
    };
    // The objects that git just wrote are there for a reader that opens now.
    let fresh = LocalClone::open(clone.path())?;
    match verify(&fresh, &policy, None, &introduction)? {
        Verdict::Accepted(_) => {}
        Verdict::Refused(refusal) => return Err(TrustError::Refused(Box::new(refusal))),
    }
    git.move_branch(
        &survey.branch,
        &survey.head,
        &introduction,
        "windlass trust init",
    )?;
    Pins::of(clone).write(&keys, &introduction)?;
    screen.success(&format!(
        "{} on {}: signed by {}, verified",
        short(&introduction),
        survey.branch,
        answers.name
    ))?;
    Ok(Begun { introduction, keys })
}

/// From now on git signs by itself here, and shows who signed.
fn settle(
    screen: &mut Screen<'_>,
    git: &Git,
    pins: &Pins,
    answers: &Answers,
    arguments: &InitArguments,
) -> Result<(), TrustError> {
    screen.success(&format!("keys: {}", shown(&pins.signers_file())))?;
    if arguments.keep_config {
        return Ok(());
    }
    let signers = pins.signers_file().display().to_string();
    let mut wanted = vec![
        ("gpg.format", answers.key.format()),
        ("user.signingkey", &answers.key.name),
        ("commit.gpgsign", "true"),
    ];
    if let Public::Ssh(_) = answers.key.public {
        wanted.push(("gpg.ssh.allowedSignersFile", &signers));
    }
    for (name, value) in wanted {
        if git.setting(name).as_deref() != Some(value) {
            git.run(&["config", "--local", name, value])?;
        }
    }
    Ok(screen.success("git signs every commit in this clone from now on (git config --local)")?)
}

fn finish(
    screen: &mut Screen<'_>,
    survey: &Survey,
    answers: &Answers,
    begun: &Begun,
) -> Result<(), TrustError> {
    screen.print("\nNow\n")?;
    let mut steps = vec![format!("push it:  git push origin {}", survey.branch)];
    if let Some(private) = answers.spare.to_print() {
        steps.push(format!(
            "print {p}, keep the paper where you keep your passport, then: shred -u {p}",
            p = shown(private)
        ));
    }
    steps.push("stop a push that nodes would refuse:  windlass trust hook install".to_owned());
    steps.push("on every node, beside install.sh:".to_owned());
    for (number, step) in steps.iter().enumerate() {
        screen.print(&format!("  {}. {step}\n", number + 1))?;
    }
    let place = install::Place {
        url: answers.url.clone(),
        path: answers.path.clone(),
        branch: survey.branch.clone(),
    };
    let line = install::line(&place, &begun.keys, &begun.introduction);
    screen.print(&format!("\n{line}\n"))?;
    if answers.url.starts_with("ssh://") {
        screen.print("\n     A repository over ssh also wants --identity KEY --known-hosts FILE (docs/guide.md).\n")?;
    }
    Ok(())
}

/// Makes a key for paper.
fn make_spare(path: &std::path::Path, name: &str) -> Result<(), TrustError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| TrustError::Write {
            path: folder.to_owned(),
            source,
        })?;
    }
    programs::make_key(path, name)
}
