use super::*;

fn key(namespace: &str, name: &str, group: &str, kind: &str) -> ObjectKey {
    ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

#[test]
fn an_id_has_flux_shape_and_reads_back() {
    let cases = [
        (
            "apps_web_apps_Deployment",
            key("apps", "web", "apps", "Deployment"),
        ),
        (
            "apps_settings__ConfigMap",
            key("apps", "settings", "", "ConfigMap"),
        ),
        (
            "_monitoring__Namespace",
            key("", "monitoring", "", "Namespace"),
        ),
        (
            "_things.example.com_apiextensions.k8s.io_CustomResourceDefinition",
            key(
                "",
                "things.example.com",
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
            ),
        ),
        (
            "_system__node__reader_rbac.authorization.k8s.io_ClusterRole",
            key("", "system:node:reader", RBAC_GROUP, "ClusterRole"),
        ),
        (
            "a___x___rbac.authorization.k8s.io_Role",
            key("a", ":x:", RBAC_GROUP, "Role"),
        ),
        (
            "_2001:db8::1_networking.k8s.io_IPAddress",
            key("", "2001:db8::1", "networking.k8s.io", "IPAddress"),
        ),
        (
            "_a_b_example.com_Thing",
            key("", "a_b", "example.com", "Thing"),
        ),
        (
            "_a__b_example.com_Thing",
            key("", "a__b", "example.com", "Thing"),
        ),
    ];
    for (text, key) in cases {
        assert_eq!(id(&key), text);
        assert_eq!(parse(text), Ok(key), "{text}");
    }
}

#[test]
fn an_id_without_four_parts_is_refused() {
    let long = format!("a_{}_b_C", "x".repeat(10_000));
    for text in ["", "_", "a_b", "a_b_C", "no-separator", long.as_str()] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, InventoryIdError::Shape(_)),
            "{text}: {error:?}"
        );
        assert!(error.to_string().len() < 400);
    }
}

#[test]
fn an_id_that_would_lead_a_delete_elsewhere_is_refused() {
    let cases = [
        ("../kube-system_x__Secret", "namespace"),
        ("Kube_x__Secret", "namespace"),
        ("a___Secret", "name"),
        ("a_.__Secret", "name"),
        ("a_..__Secret", "name"),
        ("a_x/../y__Secret", "name"),
        ("a_x%2fy__Secret", "name"),
        ("a_x?force=1__Secret", "name"),
        ("a_x\n__Secret", "name"),
        ("a_x y__Secret", "name"),
        ("a_x\u{0}__Secret", "name"),
        ("a_x_../apis_Secret", "group"),
        ("a_x_Apps_Secret", "group"),
        ("a_x__", "kind"),
        ("a_x__Secret/..", "kind"),
        ("a_x__1Secret", "kind"),
    ];
    for (text, expected) in cases {
        match parse(text) {
            Err(InventoryIdError::Part { part, .. }) => assert_eq!(part, expected, "{text:?}"),
            other => panic!("{text:?} gave {other:?}"),
        }
    }
}

#[test]
fn an_inventory_keeps_order_counts_once_and_ignores_versions_in_a_difference() {
    let one = key("a", "one", "apps", "Deployment");
    let two = key("a", "two", "", "Secret");
    let old = Inventory::from_objects([(&two, "v1"), (&one, "v1beta1"), (&two, "v2")]);
    assert_eq!(
        serde_json::to_value(&old).unwrap(),
        serde_json::json!({ "entries": [
            { "id": "a_two__Secret", "v": "v1" },
            { "id": "a_one_apps_Deployment", "v": "v1beta1" },
        ] })
    );
    let new = Inventory::from_objects([(&one, "v1")]);
    assert_eq!(old.without(&new), [&Entry::new(&two, "v1")]);
    assert!(new.without(&old).is_empty());
}
