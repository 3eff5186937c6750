//! The files in `systemd/` and `packaging/`, judged by systemd.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const UNITS: [&str; 5] = [
    "windlass.service",
    "windlass-net.service",
    "windlass-net.socket",
    "windlass-identity.service",
    "windlass-identity.path",
];

/// What `systemd-analyze security` may say at most, in tenths; 0 is a service that can do nothing at all.
const EXPOSURE: &str = "15";

/// Directives and values that Ubuntu 22.04 (249) does not know, with the version that brought them.
const TOO_NEW: [(&str, u32); 12] = [
    ("notify-reload", 253),
    ("ImportCredential=", 254),
    ("LoadCredentialEncrypted=", 250),
    ("SetCredentialEncrypted=", 250),
    ("RestrictFileSystems=", 250),
    ("RestrictNetworkInterfaces=", 250),
    ("ExecSearchPath=", 250),
    ("OpenFile=", 253),
    ("RestartSteps=", 254),
    ("PrivatePIDs=", 257),
    ("MemoryPressureWatch=", 254),
    ("PrivateTmp=disconnected", 257),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn unit(name: &str) -> PathBuf {
    repository().join("systemd").join(name)
}

/// Runs one of systemd's tools; `None` where it is not installed.
fn tool(name: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => Some(output),
        Err(_) => {
            // Not eprintln!, which the test harness hides from whoever reads that all is well.
            let message = format!("\nSKIPPED, NOT TESTED: there is no {name}\n\n");
            let _ = std::io::stderr().write_all(message.as_bytes());
            None
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The units in a tree of their own, with something executable under the name of the binary.
fn installed() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let units = root.path().join("usr/lib/systemd/system");
    fs::create_dir_all(&units).unwrap();
    fs::create_dir_all(root.path().join("usr/bin")).unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    for name in UNITS {
        fs::copy(unit(name), units.join(name)).unwrap();
    }
    for target in ["sysinit", "basic", "shutdown", "sockets", "multi-user"] {
        fs::write(
            units.join(format!("{target}.target")),
            "[Unit]\nDescription=x\n",
        )
        .unwrap();
    }
    for program in ["windlass", "systemctl"] {
        let program = root.path().join("usr/bin").join(program);
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    root
}

#[test]
fn systemd_understands_every_directive() {
    let root = installed();
    let root_argument = format!("--root={}", root.path().display());
    let verify = || {
        let arguments = ["verify", "--man=no", &root_argument];
        tool("systemd-analyze", &[&arguments[..], &UNITS].concat())
    };
    let Some(output) = verify() else { return };
    assert_eq!(
        (text(&output).as_str(), output.status.success()),
        ("", true)
    );

    let path = root.path().join("usr/lib/systemd/system").join(UNITS[0]);
    fs::write(
        &path,
        fs::read_to_string(&path)
            .unwrap()
            .replace("WatchdogSec", "WatchdogSeconds"),
    )
    .unwrap();
    assert!(
        text(&verify().unwrap()).contains("Unknown key"),
        "the check would not see a mistake"
    );
}

#[test]
fn the_services_are_as_closed_as_they_are_said_to_be() {
    for name in &UNITS[..2] {
        let threshold = format!("--threshold={EXPOSURE}");
        let path = unit(name);
        let arguments = [
            "security",
            "--offline=true",
            "--no-pager",
            &threshold,
            path.to_str().unwrap(),
        ];
        let Some(output) = tool("systemd-analyze", &arguments) else {
            return;
        };
        let text = text(&output);
        println!("{}", text.lines().last().unwrap_or_default());
        assert!(
            output.status.success() && text.contains("Overall exposure level"),
            "{text}"
        );
    }
}

#[test]
fn no_directive_is_newer_than_the_oldest_systemd() {
    for name in UNITS {
        let text = fs::read_to_string(unit(name)).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let new = TOO_NEW
                .iter()
                .find(|(directive, _)| line.contains(directive));
            assert_eq!(new, None, "{name}: {line}");
        }
    }
}

#[test]
fn every_group_of_directives_says_why() {
    for name in UNITS {
        let text = fs::read_to_string(unit(name)).unwrap();
        let groups = text.split("\n\n").filter(|group| group.lines().count() > 3);
        for group in groups {
            assert!(group.contains("# "), "{name}:\n{group}");
        }
    }
}

#[test]
fn the_network_process_sees_nothing_of_the_agent() {
    let agent = fs::read_to_string(unit("windlass.service")).unwrap();
    let net = fs::read_to_string(unit("windlass-net.service")).unwrap();
    let user = |text: &str| {
        text.lines()
            .find(|line| line.starts_with("User="))
            .unwrap()
            .to_owned()
    };
    assert_ne!(user(&agent), user(&net));
    assert!(!net.lines().any(|line| line.starts_with("LoadCredential")));
    let hidden: Vec<&str> = net
        .lines()
        .filter_map(|line| line.strip_prefix("InaccessiblePaths="))
        .collect();
    let hidden: Vec<&str> = hidden.iter().flat_map(|line| line.split(' ')).collect();
    for path in [
        "-/etc/windlass",
        "-/var/lib/windlass",
        "-/etc/rancher",
        "-/etc/kubernetes",
        "-/run/credentials",
    ] {
        assert!(hidden.contains(&path), "{path} can be seen");
    }
}

#[test]
fn users_and_directories_are_made_as_the_units_need_them() {
    let root = installed();
    let root_argument = format!("--root={}", root.path().display());
    let users = unit("sysusers.d/windlass.conf");
    let Some(output) = tool(
        "systemd-sysusers",
        &[&root_argument, users.to_str().unwrap()],
    ) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    let made = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let id = |name: &str| {
        let line = made
            .lines()
            .find(|line| line.split(':').next() == Some(name));
        line.unwrap_or_else(|| panic!("{made}"))
            .split(':')
            .nth(3)
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let (agent, net) = (id("windlass"), id("windlass-net"));
    assert_ne!(agent, net);
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let directories = unit("tmpfiles.d/windlass.conf");
    let arguments = [&root_argument, "--create", directories.to_str().unwrap()];
    let Some(output) = tool("systemd-tmpfiles", &arguments) else {
        return;
    };
    assert!(output.status.success(), "{}", text(&output));
    for name in [
        "etc/windlass",
        "etc/windlass/trust.d",
        "etc/windlass/config.d",
    ] {
        let metadata = fs::metadata(root.path().join(name)).unwrap();
        assert_eq!(
            (metadata.mode() & 0o7777, metadata.uid(), metadata.gid()),
            (0o750, 0, agent),
            "{name}"
        );
    }
}
