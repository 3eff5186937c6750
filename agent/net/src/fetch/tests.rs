use super::*;

/// Puts a line of commits into a cache, the oldest first, and gives their ids.
fn line(cache: &mut Cache, from: Option<ObjectId>, length: usize, name: &str) -> Vec<ObjectId> {
    let mut parent = from;
    let mut receiving = cache.receive().unwrap();
    let ids = (0..length).map(|number| {
        let parents = parent.map_or(String::new(), |parent| format!("parent {parent}\n"));
        let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let commit = format!("tree {tree}\n{parents}committer A <a> {number} +0000\n\n{name}\n");
        let id = gix_object::compute_hash(gix_hash::Kind::Sha1, Kind::Commit, commit.as_bytes());
        let id = id.unwrap();
        receiving.put(&id, Kind::Commit, commit.as_bytes()).unwrap();
        parent = Some(id);
        id
    });
    let ids = ids.collect();
    receiving.commit().unwrap();
    ids
}

fn add_tips(cache: &mut Cache, tips: &[ObjectId]) {
    let mut receiving = cache.receive().unwrap();
    tips.iter().for_each(|tip| receiving.add_tip(tip).unwrap());
    receiving.commit().unwrap();
}

#[test]
fn older_commits_are_offered_at_doubling_distances_from_the_newest_tip() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(folder.path(), &Limits::DEFAULT).unwrap();
    let line = line(&mut cache, None, 600, "main");
    add_tips(&mut cache, &line[596..]);
    let offered = offered_commits(&cache, &[line[599]]).unwrap();
    let newest = 599;
    for distance in [1, 2, 4, 8, 16, 32] {
        assert!(
            offered.contains(&line[newest - distance]),
            "{distance} before the newest"
        );
    }
    assert_eq!(
        offered.len(),
        4 + 4,
        "each once: the tips, and the older ones"
    );
}

#[test]
fn each_line_of_history_is_offered_from_until_it_joins_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = Cache::open(folder.path(), &Limits::DEFAULT).unwrap();
    let main = line(&mut cache, None, 40, "main");
    let branch = line(&mut cache, Some(main[19]), 10, "branch");
    add_tips(&mut cache, &[branch[9], main[39]]);
    let offered = offered_commits(&cache, &[]).unwrap();
    assert!(offered.contains(&main[39 - 16]) && offered.contains(&branch[9 - 8]));
    assert!(
        offered
            .iter()
            .all(|oid| main.contains(oid) || branch.contains(oid))
    );
}

/// T05: whoever reads of an attack has to know what the reference named, and that the head did not come.
#[test]
fn t05_what_was_asked_for_is_named_before_an_attack_and_before_nothing_else() {
    let resolved = Resolved {
        target: ObjectId::from_hex(&[b'7'; 40]).unwrap(),
        name: "refs/heads/main".to_owned(),
    };
    let told = |class| {
        let mut out = Vec::new();
        let failed = Err(Failure::new(class, "why").into());
        let result = Answers::new(&mut out).named(failed, &resolved);
        assert!(matches!(result, Err(ReachError::Failure(failure)) if failure.class == class));
        windlass_wire::read_answer(&mut out.as_slice()).ok()
    };
    let head = Answer::Head {
        oid: "7".repeat(40),
        reference_name: "refs/heads/main".to_owned(),
        target: "7".repeat(40),
    };
    assert_eq!(told(FailureClass::HashCollision), Some(head));
    assert_eq!(told(FailureClass::Protocol), None);
}
