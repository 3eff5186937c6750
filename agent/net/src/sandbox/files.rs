//! Which files the network process may open, and whom it may signal: Landlock (landlock(7)).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};

use super::{Allowed, Wall, names};

/// The newest rules that are asked for (Linux 6.15); an older kernel applies those it knows. Raised by hand,
/// because a newer kernel's rules may forbid what nobody tried here.
const RULES: ABI = ABI::V7;

/// Certificate authorities, where distributions keep them and what their links lead to. Never the folders
/// beside them that hold private keys.
const CERTIFICATES: [&str; 13] = [
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cacert.pem",
    "/etc/ca-certificates",
    "/etc/static/ssl/certs",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates",
    "/nix/store",
];

/// The C library loads modules of the name service late, from here.
const LIBRARIES: [&str; 5] = [
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// SQLite takes randomness from it.
const DEVICES: [&str; 1] = ["/dev/urandom"];

const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});

const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir
});

/// Puts the wall up around the calling thread.
pub(super) fn confine(allowed: &Allowed) -> Wall {
    match restrict(allowed) {
        Ok(wall) => wall,
        Err(error) => Wall::Missing(format!("Landlock could not be set up: {error}")),
    }
}

fn restrict(allowed: &Allowed) -> Result<Wall, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        // No port is ever listened on: no rule allows one.
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(RULES))?
        .create()?;
    let known = CERTIFICATES.iter().chain(&LIBRARIES).chain(&DEVICES);
    let known = known.chain(&names::FILES).chain(&names::FOLDERS);
    let readable = known.map(PathBuf::from).chain(allowed.read.iter().cloned());
    let mut ruleset = ruleset;
    for path in readable {
        ruleset = allow(ruleset, &path, READ)?;
    }
    ruleset = allow(ruleset, &allowed.cache_dir, READ | WRITE)?;
    let status = ruleset.restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Wall::Complete,
        RulesetStatus::PartiallyEnforced => Wall::Partial(format!(
            "this kernel knows only some of the rules ({:?}); Linux 6.15 knows all",
            status.landlock
        )),
        RulesetStatus::NotEnforced => Wall::Missing(why(status.landlock)),
    })
}

/// A path that is not there needs no rule; one that comes later is seen by the next process.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & AccessFs::from_file(RULES)
    };
    ruleset.add_rule(PathBeneath::new(opened, access))
}

fn why(status: LandlockStatus) -> String {
    match status {
        LandlockStatus::NotEnabled => {
            "Landlock is switched off; add it to lsm= on the kernel's command line".to_owned()
        }
        LandlockStatus::NotImplemented => {
            "this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, Linux 5.13)".to_owned()
        }
        status => format!("no rule could be applied ({status:?})"),
    }
}
