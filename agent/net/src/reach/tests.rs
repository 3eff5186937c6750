use super::*;

/// Objects in memory; commits, trees and blobs are made by the shortest means.
#[derive(Default)]
struct Memory {
    objects: HashMap<ObjectId, (Kind, Vec<u8>)>,
}

#[derive(Default)]
struct Collected(Vec<(Kind, ObjectId)>);

impl Objects for Memory {
    fn read(&self, oid: &ObjectId) -> Result<Option<(Kind, Vec<u8>)>, ReachError> {
        Ok(self.objects.get(oid).cloned())
    }
}

impl Receiver for Collected {
    fn object(&mut self, kind: Kind, oid: &ObjectId, _: Vec<u8>) -> Result<(), ReachError> {
        self.0.push((kind, *oid));
        Ok(())
    }
}

impl Memory {
    fn put(&mut self, kind: Kind, bytes: Vec<u8>) -> ObjectId {
        let oid = gix_object::compute_hash(gix_hash::Kind::Sha1, kind, &bytes).unwrap();
        self.objects.insert(oid, (kind, bytes));
        oid
    }

    fn blob(&mut self, content: &str) -> ObjectId {
        self.put(Kind::Blob, content.into())
    }

    fn tree(&mut self, entries: &[(&str, &str, ObjectId)]) -> ObjectId {
        let mut bytes = Vec::new();
        for (mode, name, oid) in entries {
            bytes.extend(format!("{mode} {name}\0").bytes());
            bytes.extend(oid.as_slice());
        }
        self.put(Kind::Tree, bytes)
    }

    fn commit(&mut self, tree: ObjectId, parents: &[ObjectId], time: i64) -> ObjectId {
        let parents: String = parents
            .iter()
            .map(|parent| format!("parent {parent}\n"))
            .collect();
        let person = format!("A <a@test> {time} +0000");
        let text =
            format!("tree {tree}\n{parents}author {person}\ncommitter {person}\n\nmessage\n");
        self.put(Kind::Commit, text.into())
    }

    /// A commit whose tree holds one file with this content.
    fn simple(&mut self, content: &str, parents: &[ObjectId], time: i64) -> ObjectId {
        let blob = self.blob(content);
        let tree = self.tree(&[("100644", "file", blob)]);
        self.commit(tree, parents, time)
    }

    fn sent(&self, head: ObjectId, have: &[ObjectId]) -> Result<Vec<(Kind, ObjectId)>, ReachError> {
        let mut collected = Collected::default();
        send(self, head, have, &mut HashSet::new(), 1000, &mut collected)?;
        let mut seen = HashSet::new();
        assert!(
            collected.0.iter().all(|(_, oid)| seen.insert(*oid)),
            "each once"
        );
        Ok(collected.0)
    }

    fn commits(&self, head: ObjectId, have: &[ObjectId]) -> Vec<ObjectId> {
        let sent = self.sent(head, have).unwrap();
        sent.iter()
            .filter(|(kind, _)| *kind == Kind::Commit)
            .map(|(_, oid)| *oid)
            .collect()
    }
}

#[test]
fn commits_come_first_and_newest_first() {
    let mut memory = Memory::default();
    let one = memory.simple("1", &[], 1);
    let two = memory.simple("2", &[one], 2);
    let three = memory.simple("1", &[two], 3);
    assert_eq!(memory.commits(three, &[]), [three, two, one]);
    assert_eq!(memory.commits(three, &[one]), [three, two]);
    let kinds: Vec<Kind> = memory
        .sent(three, &[])
        .unwrap()
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    use Kind::{Blob, Commit, Tree};
    assert_eq!(kinds, [Commit, Commit, Commit, Tree, Blob, Tree, Blob]);
    let back = memory.sent(three, &[two]).unwrap();
    assert_eq!(
        back.len(),
        3,
        "the content of the first commit is not behind what is known"
    );
    assert!(memory.sent(three, &[three]).unwrap().is_empty());
    assert!(
        memory.sent(one, &[three]).unwrap().is_empty(),
        "an ancestor of what is known"
    );
}

#[test]
fn a_side_branch_that_is_known_is_left_out() {
    let mut memory = Memory::default();
    let root = memory.simple("root", &[], 1);
    let side = memory.simple("side", &[root], 2);
    let known = memory.simple("known", &[root], 5);
    let merge = memory.simple("merge", &[known, side], 6);
    assert_eq!(memory.commits(merge, &[known]), [merge, side]);
    assert_eq!(memory.commits(merge, &[side]), [merge, known]);
    assert_eq!(memory.commits(merge, &[side, known]), [merge]);
}

#[test]
fn clocks_that_run_backwards_never_leave_anything_out() {
    let mut memory = Memory::default();
    let mut commits = vec![memory.simple("0", &[], 1_000_000)];
    for index in 1..20 {
        let parents = [commits[index - 1]];
        commits.push(memory.simple(
            &index.to_string(),
            &parents,
            1_000 - 37 * (index as i64 % 5),
        ));
    }
    let sent = memory.commits(commits[19], &[commits[10]]);
    assert!(commits[11..].iter().all(|commit| sent.contains(commit)));
    assert_eq!(memory.commits(commits[19], &[]).len(), 20);
}

#[test]
fn what_is_known_of_a_tree_is_not_sent_again_even_elsewhere() {
    let mut memory = Memory::default();
    let (one, two) = (memory.blob("one"), memory.blob("two"));
    let inner = memory.tree(&[("100644", "one", one)]);
    let tree = memory.tree(&[("40000", "a", inner), ("100644", "two", two)]);
    let first = memory.commit(tree, &[], 1);
    let moved = memory.tree(&[("40000", "b", inner), ("100755", "zwei", two)]);
    let second = memory.commit(moved, &[first], 2);
    let sent = memory.sent(second, &[first]).unwrap();
    assert_eq!(sent, [(Kind::Commit, second), (Kind::Tree, moved)]);
}

#[test]
fn submodules_are_not_followed_and_malformed_objects_lead_as_far_as_they_can() {
    let mut memory = Memory::default();
    let blob = memory.blob("x");
    let elsewhere = ObjectId::from([9; 20]);
    let tree = memory.tree(&[("100644", "a", blob), ("160000", "module", elsewhere)]);
    let mut cut = memory.objects[&tree].1.clone();
    cut.truncate(cut.len() - 5);
    let cut = memory.put(Kind::Tree, cut);
    for tree in [tree, cut] {
        let commit = memory.commit(tree, &[], 1);
        assert_eq!(memory.sent(commit, &[]).unwrap().len(), 3);
    }
    for text in ["", "nonsense", "tree x\nparent y\n", "\n\ntree 1"] {
        let commit = memory.put(Kind::Commit, text.into());
        assert_eq!(memory.sent(commit, &[]).unwrap(), [(Kind::Commit, commit)]);
    }
}

#[test]
fn a_missing_object_is_damage_that_names_it() {
    let mut memory = Memory::default();
    let commit = memory.simple("x", &[], 1);
    let blob = memory.blob("x");
    memory.objects.remove(&blob);
    match memory.sent(commit, &[]) {
        Err(ReachError::Damaged(reason)) => assert!(reason.contains(&blob.to_string())),
        other => panic!("the blob is missing: {other:?}"),
    }
}

#[test]
fn the_number_of_objects_is_bounded() {
    let mut memory = Memory::default();
    let commit = memory.simple("x", &[], 1);
    let mut sent = HashSet::new();
    let result = send(
        &memory,
        commit,
        &[],
        &mut sent,
        2,
        &mut Collected::default(),
    );
    assert!(matches!(result, Err(ReachError::Failure(_))));
}

#[test]
fn tags_are_peeled_to_a_commit_and_not_for_ever() {
    let mut memory = Memory::default();
    let commit = memory.simple("x", &[], 1);
    let mut target = commit;
    let mut tags = Vec::new();
    for index in 0..10 {
        let text = format!("object {target}\ntype commit\ntag t{index}\n\n");
        target = memory.put(Kind::Tag, text.into());
        tags.push(target);
    }
    let (head, on_the_way) = peel(&memory, tags[1]).unwrap();
    assert_eq!(head, commit);
    assert_eq!(
        on_the_way.iter().map(|(oid, _)| *oid).collect::<Vec<_>>(),
        [tags[1], tags[0]]
    );
    assert!(peel(&memory, tags[7]).is_ok());
    assert!(peel(&memory, tags[8]).is_err());
    let blob = memory.blob("x");
    let message = peel(&memory, blob).unwrap_err().to_string();
    assert!(message.contains("blob"), "{message}");
    let broken = memory.put(Kind::Tag, b"type commit\n".to_vec());
    assert!(peel(&memory, broken).is_err());
}
