//! Which files may be encrypted before a build.

use windlass_kustomize::{FileRole, Overlay, SecretFile, secret_files};

use crate::support::Files;

fn value(key: &str, path: &str) -> SecretFile {
    let key = key.to_owned();
    file(path, FileRole::Value { key })
}

fn file(path: &str, role: FileRole) -> SecretFile {
    let path = path.to_owned();
    SecretFile { path, role }
}

#[test]
fn inputs_of_secrets_and_patches_are_found_in_every_kustomization_below() {
    let top = "resources: [base, https://example.com/x.yaml, object.yaml]\ncomponents: [../component]\n\
        secretGenerator:\n  - name: a\n    files: [key.yaml=values.txt, plain.json]\n    envs: [app.env]\n\
        configMapGenerator:\n  - name: b\n    files: [open.yaml]\n\
        patches:\n  - path: patch.yaml\n  - patch: '{}'\n";
    let base = "secretGenerator:\n  - name: c\n    files: [../shared.ini, absent.txt]\n";
    let component = "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nresources: [../top/base]\n\
        patches:\n  - path: p.json\n";
    let tree = Files::new(&[
        ("top/kustomization.yaml", top),
        ("top/values.txt", ""),
        ("top/plain.json", ""),
        ("top/app.env", ""),
        ("top/open.yaml", ""),
        ("top/patch.yaml", ""),
        ("top/object.yaml", ""),
        ("top/shared.ini", ""),
        ("top/base/kustomization.yaml", base),
        ("component/kustomization.yaml", component),
        ("component/p.json", ""),
    ]);
    let found = secret_files(&tree, "top", &Overlay::default()).unwrap();
    assert_eq!(
        found,
        [
            value("key.yaml", "top/values.txt"),
            value("plain.json", "top/plain.json"),
            file("top/app.env", FileRole::Environment),
            file("top/patch.yaml", FileRole::Patch),
            value("../shared.ini", "top/shared.ini"),
            file("component/p.json", FileRole::Patch),
        ]
    );
}

#[test]
fn without_a_kustomization_those_below_are_looked_at() {
    let tree = Files::new(&[
        (
            "apps/a/kustomization.yaml",
            "secretGenerator:\n  - name: a\n    envs: [x]\n",
        ),
        ("apps/a/x", ""),
        (
            "apps/object.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
        ),
    ]);
    let found = secret_files(&tree, "apps", &Overlay::default()).unwrap();
    assert_eq!(found, [file("apps/a/x", FileRole::Environment)]);
}
