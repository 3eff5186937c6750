//! Properties of ids over many inputs.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn an_id_of_any_object_reads_back(
        namespace in "([a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?)?",
        name in "[a-z0-9]([a-z0-9.-]{0,40}[a-z0-9])?",
        group in "([a-z]{1,10}(\\.[a-z]{1,10}){0,3})?",
        kind in "[A-Z][A-Za-z0-9]{0,20}",
    ) {
        let key = ObjectKey { group, kind, namespace, name };
        prop_assert_eq!(parse(&id(&key)), Ok(key));
    }

    #[test]
    fn an_id_of_an_rbac_object_with_colons_reads_back(
        namespace in "([a-z0-9]{1,20})?",
        name in "[a-z:.-]{1,40}",
        kind in "(Cluster)?Role(Binding)?",
    ) {
        prop_assume!(name != "." && name != "..");
        let key = ObjectKey { group: RBAC_GROUP.to_owned(), kind, namespace, name };
        prop_assert_eq!(parse(&id(&key)), Ok(key));
    }

    #[test]
    fn any_text_is_an_object_with_a_harmless_path_or_an_error(text in "[a-z_A-Z0-9./%:\\\\ ]{0,60}") {
        if let Ok(key) = parse(&text) {
            for part in [&key.namespace, &key.name, &key.group, &key.kind] {
                prop_assert!(!part.contains(['/', '%', ' ', '\\']));
                prop_assert!(part != "..");
            }
            prop_assert!(!key.name.is_empty() && !key.kind.is_empty());
        }
    }
}
