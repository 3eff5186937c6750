//! `make cluster`: a control plane to play with, until Ctrl-C.
#![expect(clippy::print_stdout, reason = "a command for a person")]

use windlass_kit::controlplane::{ControlPlane, Options, User};

fn main() {
    println!("starting etcd, API server, controller-manager, scheduler and kwok (a few seconds)");
    let plane = ControlPlane::start(&Options {
        nodes: 3,
        ..Options::full()
    });
    println!(
        "\n{} is ready, with 3 nodes; logs are in {}\n",
        plane.url(),
        plane.path().display()
    );
    println!(
        "  export KUBECONFIG={}",
        plane.kubeconfig(User::Admin).display()
    );
    println!(
        "\n{} is the agent's user, held by RBAC",
        plane.kubeconfig(User::Agent).display()
    );
    println!("Ctrl-C ends it and removes everything");
    // Whatever ends this process, the kit's watchdog cleans up after it.
    loop {
        std::thread::park();
    }
}
