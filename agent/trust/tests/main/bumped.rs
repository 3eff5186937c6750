//! Every field that a bot may raise, and random manifests of which anything else but versions differs.

use proptest::prelude::*;
use windlass_trust::{Mode, Oid, Verdict, verify};

use crate::charted::{Charted, eve, principal};

/// A digest's digits, and those of another one.
const A64: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B64: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

const CHART: &str = "kind: HelmChart\nspec:\n  chart: web\n  version: 1.2.3\n  other: 1.2.3\n";

const POD: &str = "kind: Pod\nspec:\n  volumes:\n    - name: models\n      image:\n        reference: ghcr.example/models:1.2.3\n        \
                   other: ghcr.example/models:1.2.3\n";

const FLUX: &str = "kind: Kustomization\nspec:\n  images:\n    - name: web\n      newTag: v1.2.3\n    - name: log\n      digest: \
                    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n  other:\n    - newTag: v1.2.3\n";

const COMPONENT: &str = "kind: Component\nimages:\n  - name: web\n    newTag: v1.2.3\n  - name: log\n    digest: \
                         sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

const VALUES: &str = "image: ghcr.example/web:1.2.3\nsidecar:\n  image:\n    repository: ghcr.example/log\n    tag: 1.2.3\n    digest: \
                      sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nlone:\n  tag: 1.2.3\n  digest: \
                      sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

const LOCK: &str = "version = 1\n\n[[oci]]\nurl = \"oci://ghcr.example/web\"\nref = \"1.2.3\"\ndigest = \
                    \"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n\n[[chart]]\nrepository = \
                    \"https://h/charts\"\nname = \"web\"\nversion = \"1.2.3\"\ndigest = \
                    \"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";

/// A house with one file in which `eve` is a bot.
fn house(path: &'static str, text: &str) -> Charted {
    let bot = principal("eve", &eve(), &["**"]) + "role = \"bump\"\n";
    Charted::with(&format!("version = 1\n{bot}"), &[(path, text)])
}

/// What the bot makes of it.
fn bumped(path: &'static str, (old, new): (&str, &str)) -> (Charted, Oid) {
    let mut it = house(path, old);
    let start = it.start;
    let head = it.change(&eve(), &[start], path, new);
    (it, head)
}

#[track_caller]
fn replaced(path: &'static str, text: &str, (from, to): (&str, &str)) -> (Charted, Oid) {
    assert_eq!(text.matches(from).count(), 1, "{path} has {from:?} once");
    bumped(path, (text, &text.replace(from, to)))
}

#[test]
fn a_bot_raises_the_version_of_a_chart() {
    let (it, head) = replaced(
        "chart.yaml",
        CHART,
        ("  version: 1.2.3", "  version: 1.2.4"),
    );
    it.accepts(head);
    for wrong in [
        ("  version: 1.2.3", "  version: 1.2.2"),
        ("  version: 1.2.3", "  version: '*'"),
        ("  other: 1.2.3", "  other: 1.2.4"),
        ("chart: web", "chart: bad"),
    ] {
        let (it, head) = replaced("chart.yaml", CHART, wrong);
        it.refuses(head, "NotABump", head);
    }
}

#[test]
fn a_bot_raises_the_image_that_a_volume_is_made_of() {
    let (it, head) = replaced(
        "pod.yaml",
        POD,
        (
            "reference: ghcr.example/models:1.2.3",
            "reference: ghcr.example/models:1.3.0",
        ),
    );
    it.accepts(head);
    for wrong in [
        (
            "reference: ghcr.example/models:1.2.3",
            "reference: evil.example/models:1.3.0",
        ),
        (
            "reference: ghcr.example/models:1.2.3",
            "reference: ghcr.example/models:1.0.0",
        ),
        (
            "other: ghcr.example/models:1.2.3",
            "other: ghcr.example/models:1.3.0",
        ),
    ] {
        let (it, head) = replaced("pod.yaml", POD, wrong);
        it.refuses(head, "NotABump", head);
    }
}

#[test]
fn a_bot_raises_the_images_of_a_flux_kustomization_and_of_a_component() {
    for (path, text) in [("flux.yaml", FLUX), ("component.yaml", COMPONENT)] {
        for right in [
            (
                "name: web\n      newTag: v1.2.3",
                "name: web\n      newTag: v1.10.0",
            ),
            (A64, B64),
        ] {
            // A component has them one level further out.
            let further = |part: &str| match path {
                "component.yaml" => part.replace("      ", "    "),
                _ => part.to_owned(),
            };
            let (it, head) = replaced(path, text, (&further(right.0), &further(right.1)));
            it.accepts(head);
        }
        for wrong in [
            ("name: web", "name: log"),
            (A64, "aa"),
            ("name: log", "newName: evil"),
        ] {
            let (it, head) = replaced(path, text, wrong);
            it.refuses(head, "NotABump", head);
        }
    }
    let elsewhere = (
        "other:\n    - newTag: v1.2.3",
        "other:\n    - newTag: v1.2.4",
    );
    let (it, head) = replaced("flux.yaml", FLUX, elsewhere);
    it.refuses(head, "NotABump", head);
}

#[test]
fn a_bot_raises_what_stands_beside_a_repository_in_values_without_a_kind() {
    let digest = format!("tag: 1.2.3\n    digest: sha256:{A64}");
    let other = digest.replace(A64, B64);
    for right in [
        ("web:1.2.3", "web:1.2.4"),
        ("log\n    tag: 1.2.3", "log\n    tag: 1.2.4"),
        (digest.as_str(), other.as_str()),
    ] {
        let (it, head) = replaced("values.yaml", VALUES, right);
        it.accepts(head);
    }
    let lone = format!("lone:\n  tag: 1.2.3\n  digest: sha256:{A64}");
    let (tag, digest) = (lone.replace("1.2.3", "1.2.4"), lone.replace(A64, B64));
    for wrong in [
        ("repository: ghcr", "repository: evil"),
        (
            "image: ghcr.example/web:1.2.3",
            "image: evil.example/web:1.2.4",
        ),
        (lone.as_str(), tag.as_str()),
        (lone.as_str(), digest.as_str()),
    ] {
        let (it, head) = replaced("values.yaml", VALUES, wrong);
        it.refuses(head, "NotABump", head);
    }
}

#[test]
fn a_bot_raises_what_the_lock_file_pins_and_not_what_it_is_pinned_for() {
    let oci = format!("ref = \"1.2.3\"\ndigest = \"sha256:{A64}");
    let chart = format!("version = \"1.2.3\"\ndigest = \"sha256:{A64}");
    let other = |text: &str| text.replace(A64, B64);
    for right in [
        (oci.as_str(), other(&oci).as_str()),
        (chart.as_str(), other(&chart).as_str()),
        (
            chart.as_str(),
            other(&chart).replace("1.2.3", "1.2.4").as_str(),
        ),
    ] {
        let (it, head) = replaced("windlass.lock", LOCK, right);
        it.accepts(head);
    }
    for wrong in [
        ("ref = \"1.2.3\"", "ref = \"1.2.4\""),
        ("version = \"1.2.3\"", "version = \"1.2.2\""),
        ("version = 1\n", "version = 2\n"),
        ("https://h/charts", "https://evil/charts"),
        ("name = \"web\"", "name = \"bad\""),
        (chart.as_str(), chart.replace(A64, "aa").as_str()),
    ] {
        let (it, head) = replaced("windlass.lock", LOCK, wrong);
        it.refuses(head, "NotABump", head);
    }
}

/// One field of a random manifest.
#[derive(Debug, Clone)]
struct Field {
    /// What it is called, with a number so that each name is there once.
    name: String,
    /// A bot may raise it.
    is_version: bool,
    value: String,
}

/// A manifest of one kind: fields, each under a map of its own.
#[derive(Debug, Clone)]
struct Manifest(Vec<Field>);

/// What else a commit does beside raising versions.
#[derive(Debug, Clone, Copy)]
enum Also {
    Lowers,
    ChangesText,
    Renames,
    Takes,
    Adds,
    Swaps,
    Nests,
}

const ALSO: [Also; 7] = [
    Also::Lowers,
    Also::ChangesText,
    Also::Renames,
    Also::Takes,
    Also::Adds,
    Also::Swaps,
    Also::Nests,
];

impl Manifest {
    /// Values of a chart: a tag beside a repository may be raised, whatever stands above them; any other field may not.
    fn text(&self) -> String {
        let fields = self.0.iter().map(
            |Field {
                 name,
                 is_version,
                 value,
             }| match is_version {
                true => format!("{name}:\n  repository: ghcr.example/{name}\n  tag: {value}\n"),
                false => format!("{name}:\n  word: {value}\n"),
            },
        );
        fields.collect()
    }

    /// All versions are higher than they were.
    fn raised(&self) -> Manifest {
        let mut next = self.clone();
        for field in next.0.iter_mut().filter(|field| field.is_version) {
            field.value = with_last(&field.value, |number| number + 1);
        }
        next
    }

    /// Something else is done to one of the fields; nothing where none of them is of the sort that it needs.
    fn also(&self, also: Also, at: prop::sample::Index) -> Option<Manifest> {
        let mut next = self.clone();
        let wanted: Vec<usize> = (0..next.0.len())
            .filter(|index| match also {
                Also::Lowers => next.0[*index].is_version,
                Also::ChangesText => !next.0[*index].is_version,
                _ => true,
            })
            .collect();
        let index = *wanted.get(at.index(wanted.len().max(1)))?;
        let field = &mut next.0[index];
        match also {
            // Lower than before it was raised.
            Also::Lowers => {
                field.value = with_last(&field.value, |number| number.saturating_sub(2))
            }
            Also::ChangesText => field.value.push('x'),
            Also::Renames => field.name.push('x'),
            Also::Nests => field.value = format!("{{a: {}}}", field.value),
            Also::Takes => drop(next.0.remove(index)),
            Also::Adds => {
                let name = format!("{}y", field.name);
                let added = Field {
                    name,
                    ..field.clone()
                };
                next.0.push(added);
            }
            Also::Swaps => {
                let other = (index + 1) % next.0.len();
                next.0.swap(index, other);
            }
        }
        (next.text() != self.text()).then_some(next)
    }
}

fn with_last(version: &str, change: impl Fn(u32) -> u32) -> String {
    let (front, last) = version.rsplit_once('.').unwrap();
    format!("{front}.{}", change(last.parse().unwrap()))
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let version =
        (0u32..30, 0u32..30, 2u32..30).prop_map(|(a, b, c)| (true, format!("{a}.{b}.{c}")));
    let word = prop_oneof![
        "[a-z]{1,8}".prop_map(|word| (false, word)),
        (1u32..9, 1u32..9).prop_map(|(a, b)| (false, format!("{a}.{b}.1"))),
    ];
    let field = prop_oneof![version, word];
    prop::collection::vec(field, 1..6).prop_map(|fields| {
        let fields = fields.into_iter().enumerate();
        let named = fields.map(|(number, (is_version, value))| Field {
            name: format!("n{number}"),
            is_version,
            value,
        });
        Manifest(named.collect())
    })
}

fn is_accepted(old: &Manifest, new: &Manifest) -> bool {
    let (it, head) = bumped("values.yaml", (&old.text(), &new.text()));
    let policy = it.house.policy(Mode::Path);
    let verdict = verify(&it.house.history.objects, &policy, None, &head).unwrap();
    match verdict {
        Verdict::Accepted(_) => true,
        Verdict::Refused(refusal) => {
            assert_eq!((refusal.reason.code(), refusal.commit), ("NotABump", head));
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn a_bot_raises_versions_of_any_manifest_and_changes_nothing_else_in_it(
        old in manifest(),
        also in prop::sample::select(ALSO.to_vec()),
        at in any::<prop::sample::Index>(),
    ) {
        let raised = old.raised();
        prop_assert!(is_accepted(&old, &raised));
        if let Some(more) = raised.also(also, at) {
            prop_assert!(!is_accepted(&old, &more), "{also:?}\n{}\n{}", old.text(), more.text());
        }
        if let Some(other) = old.also(also, at) {
            prop_assert!(!is_accepted(&old, &other), "{also:?}\n{}\n{}", old.text(), other.text());
        }
    }
}
