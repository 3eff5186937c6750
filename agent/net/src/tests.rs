//! Whatever a server, a secret or a source object holds: the parsers end with a value or an error.

use proptest::prelude::*;
use windlass_wire::{Range, Reference, parse_tag};

use crate::cache::Cache;
use crate::known_hosts::KnownHosts;
use crate::limits::Limits;
use crate::origin::Origin;
use crate::packet::{DataBand, Lines};
use crate::protocol::{read_greeting, read_list};
use crate::reference::{Selection, Wanted};
use crate::unpack::unpack;
use crate::{delta, zlib};

proptest! {
    #[test]
    fn t18_no_text_makes_a_parser_panic(text in "\\PC{0,80}", host in "[a-z.:\\[\\]@/-]{0,30}") {
        let _ = Origin::parse(&text);
        let _ = Origin::parse(&format!("https://{host}"));
        let _ = Origin::parse(&format!("ssh://{host}"));
        let _ = Wanted::parse(&Reference::Name(text.clone()));
        let _ = parse_tag(&text);
        if let Ok(known_hosts) = KnownHosts::parse(&text) {
            let _ = known_hosts.judge(&host, 22, &[]);
        }
    }

    #[test]
    fn t18_no_range_makes_matching_panic(text in "[0-9.xX*v<>=!~^, |a-z-]{0,30}") {
        if let Ok(range) = Range::parse(&text) {
            for tag in ["0.0.0", "1.2.3", "v1.2.3-rc.1", "18446744073709551615.0.0"] {
                let _ = parse_tag(tag).map(|version| range.matches(&version));
            }
        }
    }

    #[test]
    fn t18_no_answer_makes_the_protocol_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let wanted = Wanted::parse(&Reference::Semver("*".into())).unwrap();
        let framed = [format!("{:04x}", bytes.len() + 4).as_bytes(), &bytes].concat();
        for answer in [&bytes, &framed] {
            let mut selection = Selection::new(&wanted);
            let _ = read_greeting(&mut Lines::new(answer.as_slice()), &mut selection, 10);
            let _ = read_list(&mut Lines::new(answer.as_slice()), &mut selection, 10);
            let mut band = DataBand::new(Lines::new(answer.as_slice()));
            let _ = std::io::copy(&mut band, &mut std::io::sink());
        }
    }

    #[test]
    fn t18_no_delta_makes_more_than_it_announced(
        base in proptest::collection::vec(any::<u8>(), 0..50),
        instructions in proptest::collection::vec(any::<u8>(), 0..50),
        size in 0_usize..200
    ) {
        let _ = delta::sizes(&instructions);
        if let Some(result) = delta::apply(&base, &instructions, size) {
            prop_assert_eq!(result.len(), size);
        }
    }

    #[test]
    fn t18_no_entry_makes_unpacking_panic(
        entries in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20)),
            1..5
        )
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(directory.path(), &Limits::DEFAULT).unwrap();
        let mut receiving = cache.receive().unwrap();
        let mut pack = b"PACK\0\0\0\x02\0\0\0".to_vec();
        pack.push(u8::try_from(entries.len()).unwrap());
        for (header, content) in &entries {
            pack.push(*header);
            pack.extend(zlib::deflated(content).unwrap());
        }
        prop_assert!(unpack(pack.as_slice(), &mut receiving, &Limits::DEFAULT).is_err());
    }
}
