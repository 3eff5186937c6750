//! The Debian package: installed, upgraded, removed and purged by apt, on a node that works.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use windlass_kit::api::ObjectRef;
use windlass_kit::directory::Directory;

use crate::house::House;
use crate::node::{Answer, Node};

const OWN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: own\n  namespace: default\n";

/// What of an installation is on the node, but for the package's files and the owner's.
const LEFT: &str = "find / -xdev -name '*windlass*' -not -path '/var/log/*' -not -path '/opt/*' -not -path '/root/*' \
                    -not -path '/var/cache/apt/*' -not -path '/etc/systemd/system/*.service.d*' | sort";

/// Packages of windlass, made as `make deb` makes them, of a program as it is built for tests.
struct Packages {
    folder: Directory,
    program: PathBuf,
}

impl Packages {
    fn new() -> Self {
        let folder = Directory::new("deb");
        let program = folder.join("windlass");
        let built = windlass_kit::agent::binary();
        let mut strip = Command::new("objcopy");
        strip.arg("--strip-all").arg(built).arg(&program);
        assert!(strip.status().expect("binutils are there").success());
        Self { folder, program }
    }

    /// Makes one and puts it onto the node.
    fn put(&self, node: &Node, version: &str, program: &Path) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/deb/deb.sh");
        let mut make = Command::new(script);
        make.arg(program)
            .arg("amd64")
            .arg(self.folder.path())
            .arg(version);
        // Quick instead of small.
        make.env("DPKG_DEB_COMPRESSOR_TYPE", "none");
        let output = make.output().expect("the script can be started");
        assert!(output.status.success(), "{output:?}");
        let made = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let path = format!("/root/windlass-{version}.deb");
        node.put_program(&path, Path::new(&made));
        path
    }

    fn put_good(&self, node: &Node, version: &str) -> String {
        let program = self.folder.join(version);
        std::fs::copy(&self.program, &program).expect("the kit's folder is writable");
        let mut text = String::new();
        let _ = write!(text, "\n{version}");
        let mut bytes = std::fs::read(&program).expect("it was just copied");
        bytes.extend(text.bytes());
        std::fs::write(&program, bytes).expect("it is our own file");
        self.put(node, version, &program)
    }

    /// One whose program can check settings, and no more.
    fn put_broken(&self, node: &Node, version: &str) -> String {
        let program = self.folder.join("broken");
        let text = format!(
            "#!/bin/sh\ncase $1 in agent|net) exit 1 ;; esac\n\
             [ ! -x /opt/windlass ] || exec /opt/windlass \"$@\"\nexec {} \"$@\"\n",
            self.program.display()
        );
        std::fs::write(&program, text).expect("the kit's folder is writable");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, open).expect("it is our own file");
        self.put(node, version, &program)
    }
}

#[test]
fn apt_installs_upgrades_goes_back_removes_and_purges_and_no_workload_goes() {
    let Some(node) = Node::boot("deb") else {
        return;
    };
    let packages = Packages::new();
    let mut house = House::around(node);
    let first = house.publish("blue");
    let good = packages.put_good(&house.node, "0.1.0");
    house.apt_brings_it_and_setup_starts_it(&good, &first);
    house.apt_upgrades(&packages.put_good(&house.node, "0.1.1"));
    house.what_does_not_start_goes_back(&packages.put_broken(&house.node, "0.1.2"));
    house.apt_upgrades(&packages.put_good(&house.node, "0.1.3"));
    house.removed_and_installed_again_it_goes_on(&good);
    house.purged_it_leaves_what_is_the_owners();
    house.an_installation_by_the_archive_is_taken_over(&good);
}

impl House {
    fn apt(&self, arguments: &str) -> Answer {
        self.node.run(&[
            "sh",
            "-c",
            &format!("DEBIAN_FRONTEND=noninteractive apt-get -q -y {arguments}"),
        ])
    }

    fn apt_succeeds(&self, arguments: &str) -> String {
        let answer = self.apt(arguments);
        assert_eq!(answer.code, Some(0), "{arguments}: {}", answer.output);
        answer.output
    }

    fn is_led(&self) {
        let commit = self.repo.id("HEAD");
        self.status_is(&format!("leader, main@sha1:{commit}, 1/1 ready"));
        self.repaint("red");
        self.colour_is("blue");
    }

    fn apt_brings_it_and_setup_starts_it(&self, package: &str, commit: &str) {
        self.put_what_a_node_has();
        let output = self.apt_succeeds(&format!("install {package}"));
        assert!(output.contains("sudo windlass-setup"), "{output}");
        self.node
            .sh("! systemctl is-active windlass; ! systemctl is-enabled windlass; ls /usr/share/man/man1/windlass-get.1.gz");
        let arguments = self.arguments();
        let setup = |arguments: &str| {
            let words = format!("umask 077; HOME=/root exec windlass-setup {arguments}");
            self.node.run(&["sh", "-c", &words])
        };
        let answer = setup(&arguments);
        assert!(answer.output.contains("--binary goes with"), "{answer:?}");
        let answer = setup(&arguments.replace("--binary /opt/windlass", ""));
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        assert!(answer.output.contains(commit), "{}", answer.output);
        self.node
            .sh("! ls /etc/systemd/system/windlass.service; systemctl is-enabled windlass.service");
        self.is_led();
        // The two ways do not mix.
        let answer = self.node.install("--binary /opt/windlass");
        assert!(answer.output.contains("came with apt"), "{answer:?}");
    }

    fn apt_upgrades(&self, package: &str) {
        let before = (self.agent(), self.node.sh("cat /etc/windlass/config.toml"));
        let output = self.apt_succeeds(&format!("install {package}"));
        assert!(output.contains("✔ done"), "{output}");
        let version = package
            .trim_end_matches(".deb")
            .rsplit('-')
            .next()
            .unwrap_or_default();
        self.node.sh(&format!(
            "dpkg-query -W -f '${{db:Status-Abbrev}}${{Version}}' windlass | grep -x 'ii {version}'
             tail -n 1 /usr/bin/windlass | grep -x {version}; ! ls -d /usr/lib/windlass/*"
        ));
        assert_ne!(self.agent(), before.0);
        self.node.sh(
            "cmp /usr/bin/windlass /proc/$(systemctl show --value --property=MainPID windlass)/exe",
        );
        assert_eq!(self.node.sh("cat /etc/windlass/config.toml"), before.1);
        self.is_led();
    }

    fn what_does_not_start_goes_back(&self, package: &str) {
        let units = "cat /usr/lib/systemd/system/windlass*";
        let before = self
            .node
            .sh(&format!("sha256sum /usr/bin/windlass; {units}"));
        for command in [
            format!("install {package}"),
            "install --fix-broken".to_owned(),
        ] {
            let answer = self.apt(&command);
            assert_eq!(answer.code, Some(100), "{}", answer.output);
            let why = "the agent does not start; the log above says why; program, units and settings are those of before";
            assert!(answer.output.contains(why), "{}", answer.output);
            let now = self
                .node
                .sh(&format!("sha256sum /usr/bin/windlass; {units}"));
            assert_eq!(now, before);
            self.is_led();
        }
        let status = self
            .node
            .sh("dpkg-query -W -f '${db:Status-Status}' windlass");
        assert_eq!(status, "half-configured", "apt knows that it is not done");
    }

    fn removed_and_installed_again_it_goes_on(&self, package: &str) {
        let output = self.apt_succeeds("remove windlass");
        assert!(output.contains("settings, keys and state stay"), "{output}");
        self.node.sh(
            "! systemctl is-active windlass windlass-net.socket; ls /etc/windlass/config.toml /var/lib/windlass; \
             ! ls /usr/bin/windlass",
        );
        self.repaint("red");
        self.apt_succeeds(&format!("install {package}"));
        self.colour_is("blue");
        self.is_led();
        // Whoever stopped it finds it stopped after an upgrade.
        self.node.sh("systemctl stop windlass");
        self.apt_succeeds(&format!("install --reinstall {package}"));
        assert_eq!(self.node.property("windlass", "ActiveState"), "inactive");
        self.node.sh("systemctl start windlass");
        self.is_led();
    }

    fn purged_it_leaves_what_is_the_owners(&self) {
        let admin = self.control_plane.admin();
        self.node.put("/root/own.yaml", OWN);
        self.node
            .sh("install -m 0644 /root/own.yaml /var/lib/windlass/manifests/own.yaml");
        let own = ObjectRef::new("v1", "ConfigMap", "default", "own");
        admin.wait_for("the node's own to be applied", &own, |_| true);
        let output = self.apt_succeeds("purge windlass");
        for text in [
            "windlass identity revoke",
            "left, as it holds files of yours: /var/lib/windlass/manifests",
        ] {
            assert!(output.contains(text), "{text}: {output}");
        }
        let left = self.node.sh(LEFT);
        assert_eq!(left, "/var/lib/windlass");
        let files = self.node.sh("find /var/lib/windlass -type f");
        assert_eq!(files, "/var/lib/windlass/manifests/own.yaml");
        let uid =
            |object: &ObjectRef| admin.get(object).unwrap_or_default()["metadata"]["uid"].clone();
        let settings = ObjectRef::new("v1", "ConfigMap", "default", "settings");
        let root = ObjectRef::new(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "flux-system",
            "flux-system",
        );
        for object in [&own, &settings, &root] {
            assert!(uid(object).is_string(), "{object:?}");
        }
    }

    fn an_installation_by_the_archive_is_taken_over(&self, package: &str) {
        let answer = self.node.install(&self.arguments());
        assert_eq!(answer.code, Some(0), "{}", answer.output);
        self.is_led();
        let output = self.apt_succeeds(&format!("install {package}"));
        assert!(output.contains("✔ done"), "{output}");
        let unit = self.node.property("windlass", "FragmentPath");
        // Debian 12 says /lib, which is /usr/lib.
        assert!(
            unit.ends_with("/lib/systemd/system/windlass.service"),
            "{unit}"
        );
        assert_eq!(self.node.property("windlass", "UnitFileState"), "enabled");
        self.node.sh("! ls /etc/systemd/system/windlass*.service /etc/systemd/system/windlass*.socket; cmp /usr/bin/windlass /proc/$(systemctl show --value --property=MainPID windlass)/exe");
        self.is_led();
    }
}
