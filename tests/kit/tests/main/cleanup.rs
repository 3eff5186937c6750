//! Nothing stays behind, however a test process ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use windlass_kit::api::WAIT;
use windlass_kit::controlplane::{ControlPlane, Options};
use windlass_kit::wait;

/// Runs in a process of its own, started by the test below; says where things are and waits for its end.
#[test]
#[ignore = "the other half of a_killed_test_process_leaves_no_program_and_no_folder_behind"]
fn starts_a_control_plane_and_waits_to_be_killed() {
    let plane = ControlPlane::start(&Options::api_server());
    println!("\nfolder {}", plane.path().display());
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
}

#[test]
fn a_killed_test_process_leaves_no_program_and_no_folder_behind() {
    let mut child = Command::new(std::env::current_exe().expect("a test knows its binary"))
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("cleanup::starts_a_control_plane_and_waits_to_be_killed")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test's own binary starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let folder = output.lines().find_map(|line| {
        line.expect("the child writes text")
            .strip_prefix("folder ")
            .map(str::to_owned)
    });
    let folder = folder.expect("the control plane came up");
    assert_eq!(
        processes_of(&folder).len(),
        2,
        "etcd and the API server run"
    );
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    wait::until_true("the folder to go", WAIT, || !Path::new(&folder).exists());
    wait::until_true("the programs to go", WAIT, || {
        processes_of(&folder).is_empty()
    });
}

/// The command lines of all processes that name `folder`.
fn processes_of(folder: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("/proc is there");
    let commands = processes.filter_map(|entry| {
        let command = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&command).replace('\0', " "))
    });
    commands
        .filter(|command| command.contains(folder))
        .collect()
}
