use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex};

use windlass_trust::Oid;

use super::*;

fn line(name: &str) -> Line {
    Line {
        source: format!("flux-system/{name}"),
        url: "https://h/r".to_owned(),
        selector: "branch=main".to_owned(),
    }
}

fn ratchet(step: u64) -> Ratchet {
    let byte = u8::try_from(step).unwrap();
    Ratchet {
        head: Oid::from_bytes([byte; 20]),
        introduction: Oid::from_bytes([0; 20]),
        counter: step,
        version: None,
        spent: Vec::new(),
        left: Vec::new(),
    }
}

fn advanced(place: &Path, steps: std::ops::RangeInclusive<u64>) -> RatchetFile {
    let mut file = RatchetFile::open(place).unwrap();
    for step in steps {
        file.advance(&line("root"), &ratchet(step)).unwrap();
    }
    file
}

fn step_in(place: &Path) -> u64 {
    RatchetFile::open(place)
        .unwrap()
        .get(&line("root"))
        .unwrap()
        .counter
}

#[test]
fn what_was_advanced_is_there_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let mut file = RatchetFile::open(place.path()).unwrap();
    assert_eq!(file.get(&line("root")), None);
    file.advance(&line("root"), &ratchet(1)).unwrap();
    file.advance(&line("apps"), &ratchet(7)).unwrap();
    file.advance(&line("root"), &ratchet(2)).unwrap();
    let again = RatchetFile::open(place.path()).unwrap();
    assert_eq!(again.get(&line("root")), Some(ratchet(2)));
    assert_eq!(again.get(&line("apps")), Some(ratchet(7)));
    assert_eq!(again.lines().count(), 2);
    assert_eq!(again.notice(), None);
}

#[test]
fn a_step_back_is_refused_and_standing_still_writes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut file = advanced(place.path(), 1..=3);
    let files = || {
        let mut files: Vec<_> = fs::read_dir(place.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        files.sort_by_key(|entry| entry.file_name());
        files
            .iter()
            .map(|entry| {
                (
                    entry.file_name(),
                    entry.metadata().unwrap().modified().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let before = files();
    file.advance(&line("root"), &ratchet(3)).unwrap();
    let error = file.advance(&line("root"), &ratchet(2)).unwrap_err();
    assert!(matches!(error, RatchetError::Backwards { .. }), "{error}");
    let sideways = Ratchet {
        head: ratchet(9).head,
        ..ratchet(3)
    };
    assert!(matches!(
        file.advance(&line("root"), &sideways),
        Err(RatchetError::Backwards { .. })
    ));
    assert_eq!(before, files());
    assert_eq!(step_in(place.path()), 3);
}

#[test]
fn t45_one_damaged_generation_is_survived_and_reported() {
    for slot in SLOTS {
        let place = tempfile::tempdir().unwrap();
        drop(advanced(place.path(), 1..=4));
        let path = place.path().join(slot);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut file = RatchetFile::open(place.path()).unwrap();
        // Even generations are in slot 0.
        let expected = if slot == "ratchet.0" { 3 } else { 4 };
        assert_eq!(file.get(&line("root")), Some(ratchet(expected)));
        let notice = file.notice().unwrap().clone();
        assert_eq!((notice.damaged, notice.generation), (path, expected));
        assert!(notice.reason.contains("checksum"), "{}", notice.reason);
        file.advance(&line("root"), &ratchet(5)).unwrap();
        file.advance(&line("root"), &ratchet(6)).unwrap();
        assert_eq!(
            RatchetFile::open(place.path()).unwrap().notice(),
            None,
            "both are intact again"
        );
        assert_eq!(step_in(place.path()), 6);
    }
}

#[test]
fn t14_a_flipped_bit_anywhere_is_found() {
    let place = tempfile::tempdir().unwrap();
    drop(advanced(place.path(), 1..=2));
    let path = place.path().join("ratchet.0");
    let intact = fs::read(&path).unwrap();
    for position in 0..intact.len() {
        let mut bytes = intact.clone();
        bytes[position] ^= 0x04;
        let found = Generation::decode(&bytes);
        assert!(found.is_err(), "byte {position}: {found:?}");
    }
    for length in 0..intact.len() {
        assert!(
            Generation::decode(&intact[..length]).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn t45_a_lost_ratchet_is_never_taken_for_a_new_node() {
    type Harm = fn(&Path);
    let ways: [Harm; 3] = [
        |slot| fs::remove_file(slot).unwrap(),
        |slot| fs::write(slot, "windlass-ratchet 1 x\n{}").unwrap(),
        |slot| fs::write(slot, "").unwrap(),
    ];
    for first in ways {
        for second in ways {
            let place = tempfile::tempdir().unwrap();
            drop(advanced(place.path(), 1..=2));
            first(&place.path().join(SLOTS[0]));
            second(&place.path().join(SLOTS[1]));
            let error = RatchetFile::open(place.path()).unwrap_err();
            assert!(matches!(error, RatchetError::Lost { .. }), "{error}");
            assert!(error.to_string().contains("is lost"), "{error}");

            let mut file = RatchetFile::begin_anew(place.path(), "gone").unwrap();
            assert!(file.is_lost(&line("root")) && file.get(&line("root")).is_none());
            file.advance(&line("root"), &ratchet(2)).unwrap();
            assert!(!file.is_lost(&line("root")));
            drop(file);
            assert_eq!(step_in(place.path()), 2);
            let again = RatchetFile::open(place.path()).unwrap();
            assert!(
                again.is_lost(&line("another")),
                "it is never taken for a new node again"
            );
            assert_eq!(RatchetFile::open(place.path()).unwrap().notice(), None);
        }
    }
}

#[test]
fn t56_a_newer_format_is_refused_and_left_alone() {
    for slot in SLOTS {
        let place = tempfile::tempdir().unwrap();
        drop(advanced(place.path(), 1..=2));
        let path = place.path().join(slot);
        fs::write(&path, "windlass-ratchet 2 cbor whatever\n\0\0").unwrap();
        let error = RatchetFile::open(place.path()).unwrap_err();
        assert!(
            matches!(
                error,
                RatchetError::Newer {
                    version: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("do not delete"), "{error}");
        assert!(RatchetFile::begin_anew(place.path(), "gone").is_err());
        assert!(fs::read(&path).unwrap().starts_with(b"windlass-ratchet 2"));
    }
}

#[test]
fn t56_keys_that_a_later_version_adds_are_ignored() {
    let place = tempfile::tempdir().unwrap();
    drop(advanced(place.path(), 1..=2));
    let path = place.path().join("ratchet.0");
    let text = fs::read_to_string(&path).unwrap();
    let body = text
        .split_once('\n')
        .unwrap()
        .1
        .replacen("{\"number\"", "{\"new\":1,\"number\"", 1);
    let body = body.replacen("{\"source\"", "{\"new\":1,\"source\"", 1);
    let digest: [u8; 32] =
        sha2::Digest::finalize(sha2::Digest::chain_update(sha2::Sha256::default(), &body)).into();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&path, format!("windlass-ratchet 1 sha256:{hex}\n{body}")).unwrap();
    assert_eq!(RatchetFile::open(place.path()).unwrap().notice(), None);
    assert_eq!(step_in(place.path()), 2);
}

/// A disk that loses power at a chosen step, and then shows one of the states it may be in.
#[derive(Clone, Debug, Default)]
struct Platters(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// What a running system sees.
    files: HashMap<String, Vec<u8>>,
    /// Bytes known to be on the platter.
    synced: HashMap<String, Vec<u8>>,
    /// Names known to be on the platter.
    durable: HashMap<String, Vec<u8>>,
    steps_left: Option<usize>,
    failure: Option<i32>,
    steps: usize,
}

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    Nothing,
    UnsyncedNames,
    UnsyncedBytes,
    TornBytes,
}

impl Platters {
    fn failing_at(&self, step: usize, errno: i32) -> Platters {
        let copy = Platters(Arc::new(Mutex::new(self.0.lock().unwrap().clone())));
        {
            let mut state = copy.0.lock().unwrap();
            (state.steps_left, state.failure, state.steps) = (Some(step), Some(errno), 0);
        }
        copy
    }

    /// The disk as it may be after power came back.
    fn after_power_cut(&self, loss: Loss) -> Platters {
        let mut state = self.0.lock().unwrap().clone();
        match loss {
            Loss::Nothing => {}
            Loss::UnsyncedNames => state.files = state.durable.clone(),
            Loss::UnsyncedBytes | Loss::TornBytes => {
                for (name, bytes) in &mut state.files {
                    if state.synced.get(name) != Some(bytes) {
                        let half = if loss == Loss::TornBytes {
                            bytes.len() / 2
                        } else {
                            0
                        };
                        bytes.truncate(half);
                    }
                }
            }
        }
        state.steps_left = None;
        Platters(Arc::new(Mutex::new(state)))
    }

    fn step(&self) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.0.lock().unwrap();
        state.steps += 1;
        if state.steps_left.is_some_and(|left| state.steps > left) {
            return Err(io::Error::from_raw_os_error(state.failure.unwrap()));
        }
        Ok(state)
    }
}

impl Disk for Platters {
    fn read(&self, name: &str, _: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().files.get(name).cloned())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Making the file is one step, and each half of its bytes is one.
        self.step()?.files.insert(name.to_owned(), Vec::new());
        self.step()?
            .files
            .insert(name.to_owned(), bytes[..bytes.len() / 2].to_vec());
        self.step()?.files.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.step()?;
        let bytes = state.files[name].clone();
        state.synced.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.step()?;
        let bytes = state.files.remove(from).unwrap();
        state.files.insert(to.to_owned(), bytes);
        if let Some(bytes) = state.synced.remove(from) {
            state.synced.insert(to.to_owned(), bytes);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.step()?.files.remove(name);
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut state = self.step()?;
        state.durable = state.files.clone();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/platters").join(name)
    }
}

fn open(disk: &Platters) -> Result<RatchetFile, RatchetError> {
    RatchetFile::open_on(Box::new(disk.clone()))
}

#[test]
fn t45_a_power_cut_at_any_step_leaves_the_old_ratchet_or_the_new_one() {
    let mut before = Platters::default();
    for to in 1..=4 {
        let mut complete = false;
        for cut_at in 0.. {
            let disk = before.failing_at(cut_at, nix::libc::EIO);
            let moved = open(&disk).unwrap().advance(&line("root"), &ratchet(to));
            for loss in [
                Loss::Nothing,
                Loss::UnsyncedNames,
                Loss::UnsyncedBytes,
                Loss::TornBytes,
            ] {
                let found = open(&disk.after_power_cut(loss));
                let found = found.unwrap_or_else(|error| panic!("{to} {cut_at} {loss:?}: {error}"));
                let counter = found
                    .get(&line("root"))
                    .map_or(0, |ratchet| ratchet.counter);
                assert!(
                    counter == to || counter + 1 == to,
                    "{to} {cut_at} {loss:?}: {counter}"
                );
                assert!(
                    moved.is_err() || counter == to,
                    "{to} {cut_at} {loss:?}: promised and lost"
                );
                assert_eq!(found.notice(), None, "{to} {cut_at} {loss:?}");
            }
            if moved.is_ok() && disk.0.lock().unwrap().steps <= cut_at {
                complete = true;
                before = disk.after_power_cut(Loss::UnsyncedNames);
                break;
            }
        }
        assert!(complete);
    }
}

#[test]
fn t46_a_disk_that_is_full_or_read_only_leaves_the_old_ratchet_in_force_and_says_what_to_do() {
    let disk = Platters::default();
    open(&disk)
        .unwrap()
        .advance(&line("root"), &ratchet(1))
        .unwrap();
    let cures = [
        (nix::libc::ENOSPC, "free some space"),
        (nix::libc::EDQUOT, "free some space"),
        (nix::libc::EROFS, "remount"),
        (nix::libc::EIO, "cannot be written"),
    ];
    for (errno, cure) in cures {
        for step in 0..6 {
            let broken = disk.failing_at(step, errno);
            let mut file = open(&broken).unwrap();
            let RatchetError::Write(error) = file.advance(&line("root"), &ratchet(2)).unwrap_err()
            else {
                panic!("{errno} {step}")
            };
            assert!(error.to_string().contains(cure), "{error}");
            assert_eq!(
                file.get(&line("root")),
                Some(ratchet(1)),
                "in memory the old one stays"
            );
            // Space came back.
            broken.0.lock().unwrap().steps_left = None;
            file.advance(&line("root"), &ratchet(2)).unwrap();
            assert_eq!(open(&broken).unwrap().get(&line("root")), Some(ratchet(2)));
        }
    }
}
