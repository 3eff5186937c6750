//! `windlass helm template` beside the real helm: the same bytes and the same exit status.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use windlass_cli::{Outcome, run_on};

/// What `helm.sh` ends with when Go cannot fetch the modules.
const UNFETCHED: i32 = 77;

/// The real helm; none, loudly, where it cannot be built here.
fn helm() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/helm.sh");
        let built = Command::new(script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        if built.status.code() == Some(UNFETCHED) {
            return None;
        }
        assert!(built.status.success(), "{built:?}");
        let folder = String::from_utf8(built.stdout).unwrap();
        Some(Path::new(folder.trim()).join("helm"))
    });
    program.as_deref()
}

/// What was printed, what was said, and whether it went well.
fn ours(arguments: &[&str]) -> (String, String, bool) {
    let (mut results, mut progress) = (Vec::new(), Vec::new());
    let line = ["windlass", "helm", "template"].iter().chain(arguments);
    let outcome = run_on(line, &mut results, &mut progress).unwrap();
    (
        String::from_utf8(results).unwrap(),
        String::from_utf8(progress).unwrap(),
        outcome == Outcome::Done,
    )
}

fn theirs(program: &Path, arguments: &[&str]) -> (String, bool) {
    let home = tempfile::tempdir().unwrap();
    let ran = Command::new(program)
        .arg("template")
        .args(arguments)
        .env("HOME", home.path())
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    (String::from_utf8(ran.stdout).unwrap(), ran.status.success())
}

const CONFIG: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
  namespace: {{ .Release.Namespace }}
data:
  values: {{ .Values | toJson | quote }}
  upgrade: {{ .Release.IsUpgrade | quote }}
  kubernetes: {{ .Capabilities.KubeVersion.Version }}
  served: {{ .Capabilities.APIVersions.Has \"example.org/v1\" | quote }}
";

const TEST: &str = "apiVersion: v1
kind: Pod
metadata:
  name: smoke
  annotations:
    helm.sh/hook: test
spec: {}
";

const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata:
  name: before
  annotations:
    helm.sh/hook: pre-install
spec: {}
";

fn chart() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let sub = "apiVersion: v2\nname: off\nversion: 1.0.0\n";
    let files = [
        (
            "web/Chart.yaml",
            "apiVersion: v2\nname: web\nversion: 1.2.3\ndependencies:\n- name: off\n  version: 1.0.0\n  condition: off.enabled\n",
        ),
        (
            "web/values.yaml",
            "a: 1\nlist: [1, 2]\noff: {enabled: false}\n",
        ),
        (
            "web/values.schema.json",
            r#"{"properties": {"a": {"type": "number"}}}"#,
        ),
        ("web/.helmignore", "*.bak\n"),
        ("web/templates/config.yaml", CONFIG),
        ("web/templates/broken.yaml.bak", "{{ nonsense"),
        ("web/templates/tests/smoke.yaml", TEST),
        ("web/templates/job.yaml", JOB),
        ("web/templates/NOTES.txt", "Hello"),
        (
            "web/crds/things.yaml",
            "# Things\nkind: CustomResourceDefinition\n",
        ),
        ("web/charts/off/Chart.yaml", sub),
        (
            "web/charts/off/crds/off.yaml",
            "kind: CustomResourceDefinition\n",
        ),
        ("web/charts/off/templates/off.yaml", "kind: Secret\n"),
        ("more.yaml", "b: {c: x}\nlist: [3]\n"),
        ("last.yaml", "b: {d: y}\n"),
        ("text.txt", "from a file\n"),
    ];
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

#[test]
fn a_chart_prints_the_same_bytes_with_each_of_helms_flags() {
    let Some(program) = helm() else { return };
    let folder = chart();
    let at = |path: &str| folder.path().join(path).display().to_string();
    let (web, more, last, text) = (at("web"), at("more.yaml"), at("last.yaml"), at("text.txt"));
    let both = format!("{more},{last}");
    let file = format!("g={text}");
    let cases: &[&[&str]] = &[
        &[],
        &["-n", "space"],
        &["--namespace", "flux-system", "--include-crds"],
        &["-f", &more, "--values", &last],
        &[
            "-f",
            &both,
            "--set",
            "b.c=1,b.e={x,y}",
            "--set-string",
            "b.d=2",
        ],
        &["--set", "a=1", "--set-json", r#"a=2,h={"i":[1.5]}"#],
        &["--set-json", r#"{"a": 3}"#, "--set-file", &file],
        &["--set-literal", "k=x,y=[z]"],
        &["--kube-version", "1.29", "-a", "example.org/v1,other/v1"],
        &["--is-upgrade", "--no-hooks"],
        &["--skip-tests", "--skip-crds"],
        &["--set", "a=text", "--skip-schema-validation"],
        &["-s", "templates/config.yaml"],
        &[
            "--show-only",
            "templates/*.yaml",
            "-s",
            "templates/tests/smoke.yaml",
        ],
        &["--include-crds", "-s", "crds/things.yaml"],
        &["--set", "off.enabled=true", "--include-crds"],
        &["--dry-run"],
        &["--dry-run=client", "--create-namespace", "--replace"],
        &[
            "--dry-run=true",
            "--wait",
            "--wait=legacy",
            "--wait-for-jobs",
            "--server-side=false",
        ],
        &[
            "-l",
            "a=b,c=d",
            "--description",
            "x",
            "--devel",
            "--timeout",
            "1m",
        ],
        &[
            "--force-conflicts",
            "--rollback-on-failure",
            "--version",
            "9",
        ],
        &[
            "--disable-openapi-validation",
            "--take-ownership",
            "--plain-http",
        ],
    ];
    for flags in cases {
        let arguments: Vec<&str> = ["demo", &web].iter().chain(*flags).copied().collect();
        let (printed, said, good) = ours(&arguments);
        assert!(good, "{flags:?}: {said}");
        assert_eq!((printed, good), theirs(program, &arguments), "{flags:?}");
    }
    let template = "{{ \"A-b\" | lower }}-{{ 1 | add 2 }}";
    let nameless: &[&[&str]] = &[
        &[],
        &["-g"],
        &["--generate-name"],
        &["--name-template", template],
        &["--name-template", ""],
    ];
    for flags in nameless {
        let arguments: Vec<&str> = [web.as_str()].iter().chain(*flags).copied().collect();
        let (printed, said, good) = ours(&arguments);
        assert!(good, "{flags:?}: {said}");
        assert_eq!((printed, good), theirs(program, &arguments), "{flags:?}");
    }
    let (printed, ..) = ours(&[&web, "--name-template", template]);
    assert!(printed.contains("name: a-b-3-web"), "{printed}");
}

#[test]
fn a_packaged_chart_prints_the_same_bytes() {
    let Some(program) = helm() else { return };
    let folder = chart();
    let packed = Command::new(program)
        .args(["package", "web"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{packed:?}");
    let file = folder.path().join("web-1.2.3.tgz").display().to_string();
    let (printed, said, good) = ours(&["demo", &file]);
    assert!(good, "{said}");
    assert_eq!((printed, good), theirs(program, &["demo", &file]));
}

/// Runs a program in a folder that is also its home.
fn run_in(folder: &Path, program: &Path, arguments: &[&str]) -> bool {
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("GNUPGHOME", folder.join("gnupg"))
        .output()
        .unwrap();
    ran.status.success()
}

/// A folder with a package that `helm package --sign` made, the public keys of `ada`, who signed it, and of `bob`.
fn signed(program: &Path) -> tempfile::TempDir {
    let folder = chart();
    let gnupg = folder.path().join("gnupg");
    fs::create_dir(&gnupg).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&gnupg, mode).unwrap();
    let gpg = |arguments: &str| {
        let quiet = ["--batch", "--passphrase", "", "--pinentry-mode", "loopback"];
        let arguments: Vec<&str> = quiet.into_iter().chain(arguments.split(' ')).collect();
        assert!(
            run_in(folder.path(), Path::new("gpg"), &arguments),
            "{arguments:?}"
        );
    };
    for name in ["ada", "bob"] {
        gpg(&format!("--quick-gen-key {name} rsa3072 sign never"));
        gpg(&format!("--output {name}.gpg --export {name}"));
        gpg(&format!("--armor --output {name}.asc --export {name}"));
    }
    gpg("--output secret.gpg --export-secret-keys ada");
    let sign = [
        "package",
        "web",
        "--sign",
        "--key",
        "ada",
        "--keyring",
        "secret.gpg",
    ];
    assert!(run_in(folder.path(), program, &sign));
    folder
}

#[test]
fn a_package_is_verified_as_helm_verifies_it() {
    let Some(program) = helm() else { return };
    let folder = signed(program);
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (package, web) = (at("web-1.2.3.tgz"), at("web"));
    let check = |chart: &str, ring: &str| {
        let arguments = ["demo", chart, "--verify", "--keyring", ring];
        let (_, said, good) = ours(&arguments);
        assert_eq!(good, theirs(program, &arguments).1, "{arguments:?}: {said}");
        (good, said)
    };
    let (good, said) = check(&package, &at("ada.gpg"));
    assert!(good, "{said}");
    assert!(ours(&["demo", &package, "--verify", "--keyring", &at("ada.asc")]).2);
    assert!(!check(&package, &at("bob.gpg")).0);
    assert!(
        check(&web, &at("ada.gpg"))
            .1
            .contains("only a packaged chart")
    );

    // Another package under the name, and another text under the signature.
    let (bytes, prov) = (
        fs::read(&package).unwrap(),
        fs::read(at("web-1.2.3.tgz.prov")).unwrap(),
    );
    fs::write(&package, [&bytes[..], b"x"].concat()).unwrap();
    let (good, said) = check(&package, &at("ada.gpg"));
    assert!(
        !good && said.contains("it says that web-1.2.3.tgz is sha256:"),
        "{said}"
    );
    fs::write(&package, &bytes).unwrap();
    let text = String::from_utf8(prov)
        .unwrap()
        .replace("version: 1.2.3", "version: 1.2.4");
    fs::write(at("web-1.2.3.tgz.prov"), text).unwrap();
    assert!(!check(&package, &at("ada.gpg")).0);
    fs::remove_file(at("web-1.2.3.tgz.prov")).unwrap();
    assert!(!check(&package, &at("ada.gpg")).0);
}

#[test]
fn what_is_refused_says_what_to_do_instead_and_helm_refuses_it_too_where_it_is_wrong() {
    let folder = chart();
    let web = folder.path().join("web").display().to_string();
    let lacking = folder.path().join("lacking");
    fs::create_dir(&lacking).unwrap();
    let far = "apiVersion: v2\nname: lacking\nversion: 1.0.0\ndependencies:\n- {name: far, version: 1.0.0, repository: 'https://h'}\n";
    fs::write(lacking.join("Chart.yaml"), far).unwrap();
    let lacking = lacking.display().to_string();
    let refused = |arguments: &[&str]| {
        let (printed, said, good) = ours(arguments);
        assert!(!good && printed.is_empty(), "{arguments:?}: {printed}");
        said
    };
    let wrong: &[(&[&str], &str)] = &[
        (&["demo", &web, "--set", "a=text"], "values.schema.json"),
        (
            &["demo", &web, "-s", "templates/none.yaml"],
            "could not find template",
        ),
        (&["demo", &web, "-f", "none.yaml"], "none.yaml: "),
        (&["demo", &web, "--set", "a"], "--set a: "),
        (&["demo", &web, "--kube-version", "new"], "two numbers"),
        (&["demo", "no-such-chart"], "helm pull"),
        (&["demo", &web, "-g"], "--generate-name"),
        (&["demo", &web, "--name-template", "x"], "--name-template"),
        (&[&web, "--name-template", "{{ nonsense"], "--name-template"),
        (&[&web, "--name-template", "Not a name"], "release name"),
        (&["Demo", &web], "release name"),
        (&["demo", &lacking], "missing in charts/ directory: far"),
    ];
    for (arguments, expected) in wrong {
        let said = refused(arguments);
        let expected = match *expected {
            "values.schema.json" => "don't meet the specifications of the schema(s)",
            other => other,
        };
        assert!(said.contains(expected), "{arguments:?}: {said}");
        if let Some(program) = helm() {
            assert!(!theirs(program, arguments).1, "{arguments:?}");
        }
    }
    assert!(refused(&["demo", &web, "--output-dir", "x", "-s", "y"]).contains("--show-only"));
    assert!(refused(&["demo", &web, "--post-renderer", "x"]).contains("postRenderers"));
    assert!(refused(&["demo", "web", "--repo", "https://x", "--username", "me"]).contains("netrc"));
    let verified = ["demo", "web", "--repo", "https://x", "--verify"];
    assert!(refused(&verified).contains("helm pull --prov"));
    let named = far.replace("https://h", "@h");
    fs::write(folder.path().join("lacking/Chart.yaml"), named).unwrap();
    let updated = ["demo", &lacking, "--dependency-update"];
    assert!(refused(&updated).contains("helm dependency build"));
}

/// Every file below a folder, by its path in it.
fn tree(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn words(line: &[String]) -> Vec<&str> {
    line.iter().map(String::as_str).collect()
}

#[test]
fn a_file_for_each_template_is_written_where_helm_writes_it() {
    let Some(program) = helm() else { return };
    let folder = chart();
    let web = folder.path().join("web").display().to_string();
    let twice = "kind: Secret\nmetadata: {name: a}\n---\nkind: Secret\nmetadata: {name: b}\n";
    fs::write(folder.path().join("web/templates/twice.yaml"), twice).unwrap();
    for (number, flags) in [
        &["--include-crds", "--set", "off.enabled=true"][..],
        &["--release-name", "--skip-tests"],
        &["--no-hooks"],
    ]
    .into_iter()
    .enumerate()
    {
        let [own, others] = ["own", "others"].map(|whose| {
            let place = folder.path().join(format!("{whose}-{number}"));
            place.display().to_string()
        });
        let with = |place: &str| {
            let fixed = ["demo", &web, "--output-dir", place].map(str::to_owned);
            let flags = flags.iter().map(|flag| (*flag).to_owned());
            fixed.into_iter().chain(flags).collect::<Vec<String>>()
        };
        let (own_line, others_line) = (with(&own), with(&others));
        let (printed, said, good) = ours(&words(&own_line));
        assert!(good, "{flags:?}: {said}");
        let (expected, good) = theirs(program, &words(&others_line));
        assert!(good, "{flags:?}");
        assert_eq!(
            printed.trim(),
            expected.trim().replace(&others, &own),
            "{flags:?}"
        );
        let files = tree(Path::new(&own));
        assert_eq!(files, tree(Path::new(&others)), "{flags:?}");
        assert!(files.len() > 1, "{files:?}");
        // The same once more is the same.
        assert!(ours(&words(&own_line)).2);
        assert_eq!(tree(Path::new(&own)), files);
    }
}

#[test]
fn a_chart_beside_it_that_a_chart_needs_is_taken_where_that_is_asked_for() {
    let Some(program) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let needs = "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: near, version: '>=1.0.0', repository: 'file://../near', alias: close}\n";
    let map = "kind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Values.a }}}\n";
    for (path, text) in [
        ("app/Chart.yaml", needs),
        (
            "app/templates/a.yaml",
            "kind: ConfigMap\nmetadata: {name: {{ .Values.close.a }}}\n",
        ),
        (
            "near/Chart.yaml",
            "apiVersion: v2\nname: near\nversion: 1.2.0\n",
        ),
        ("near/values.yaml", "a: x\n"),
        ("near/templates/a.yaml", map),
    ] {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let app = folder.path().join("app").display().to_string();
    assert!(!ours(&["demo", &app]).2);
    let before = tree(folder.path());
    let (printed, said, good) = ours(&["demo", &app, "--dependency-update"]);
    assert!(good, "{said}");
    assert_eq!(tree(folder.path()), before, "nothing is written");
    let (expected, good) = theirs(program, &["demo", &app, "--dependency-update"]);
    assert!(good);
    // Helm tells first what it saves.
    let start = expected.find("---").unwrap();
    assert_eq!(printed, expected[start..]);
    assert!(printed.contains("name: close-x"), "{printed}");
    fs::write(
        folder.path().join("near/Chart.yaml"),
        "apiVersion: v2\nname: near\nversion: 0.2.0\n",
    )
    .unwrap();
    fs::remove_dir_all(folder.path().join("app/charts")).unwrap();
    assert!(!ours(&["demo", &app, "--dependency-update"]).2);
    assert!(!theirs(program, &["demo", &app, "--dependency-update"]).1);
}

#[test]
fn templates_learn_addresses_where_that_is_allowed() {
    let Some(program) = helm() else { return };
    let folder = chart();
    let web = folder.path().join("web").display().to_string();
    let template = "kind: ConfigMap\ndata: {a: {{ getHostByName \"127.0.0.1\" | quote }}}\n";
    fs::write(folder.path().join("web/templates/host.yaml"), template).unwrap();
    for (flags, expected) in [
        (&["--enable-dns"][..], "a: \"127.0.0.1\""),
        (&[], "a: \"\""),
    ] {
        let arguments: Vec<&str> = ["demo", &web].iter().chain(flags).copied().collect();
        let (printed, said, good) = ours(&arguments);
        assert!(good && printed.contains(expected), "{printed}{said}");
        assert_eq!((printed, good), theirs(program, &arguments));
    }
}
