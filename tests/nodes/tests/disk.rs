//! A disk that is full, has no inodes left, or turned read-only, under the state of a node that works.

use crate::house::House;
use crate::node::Node;

const STATE: &str = "/var/lib/windlass";

#[test]
fn a_disk_that_is_full_without_inodes_or_read_only_keeps_the_revision_in_force() {
    let Some(node) = Node::boot("disk") else {
        return;
    };
    let mut house = House::around(node);
    let first = house.publish("blue");
    house.install(&first);
    // A small disk of its own, with what was there.
    house.node.sh(&format!(
        "systemctl stop windlass; mv {STATE} /root/state; mkdir {STATE}
         mount -t tmpfs -o size=24m,nr_inodes=600,mode=0700 tmpfs {STATE}
         cp -a /root/state/. {STATE}/; chown windlass:windlass {STATE}; systemctl start windlass"
    ));
    house.status_is(&format!("leader, main@sha1:{first}, 1/1 ready"));
    let full = format!("cat /dev/zero >{STATE}/manifests/fill 2>/dev/null || true");
    house.nothing_new_is_kept(
        &full,
        &format!("rm {STATE}/manifests/fill"),
        "blue",
        "green",
    );
    let crowd = format!(
        "mkdir {STATE}/manifests/crowd; i=0; while true >{STATE}/manifests/crowd/$i; do i=$((i+1)); done 2>/dev/null || true"
    );
    house.nothing_new_is_kept(
        &crowd,
        &format!("rm -r {STATE}/manifests/crowd"),
        "green",
        "yellow",
    );
    // While files on it are open a file system cannot be made so by hand, and a unit keeps what it was started with.
    let locked =
        format!("systemctl stop windlass; mount -o remount,ro {STATE}; systemctl start windlass");
    house.nothing_new_is_kept(
        &locked,
        &format!("mount -o remount,rw {STATE}; systemctl restart windlass"),
        "yellow",
        "white",
    );
}

impl House {
    fn nothing_new_is_kept(&mut self, harm: &str, mend: &str, before: &str, next: &str) {
        let kept = self.repo.id("HEAD");
        self.node.sh(harm);
        self.publish(next);
        self.reconciles();
        self.repaint("red");
        self.colour_is(before);
        self.node.sh("systemctl restart windlass");
        self.repaint("red");
        self.colour_is(before);
        self.status_has(&["leader", &kept, "1/1 ready"]);
        let screen = self.node.sh("windlass get all -A");
        eprintln!(
            "{harm}: {}\n{screen}",
            self.node.property("windlass", "StatusText")
        );
        self.node.sh(mend);
        let commit = self.repo.id("HEAD");
        self.reconciles();
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.colour_is(next);
    }
}
