use super::*;

const SOURCE: &str = "source-controller-leader-election";
const KUSTOMIZE: &str = "kustomize-controller-leader-election";
const HELM: &str = "helm-controller-leader-election";
const NOTIFICATION: &str = "notification-controller-leader-election";

fn clock(seconds: u64) -> Clock {
    let wall = jiff::Timestamp::from_second(1_767_225_600 + i64::try_from(seconds).unwrap());
    Clock {
        boot: Duration::from_secs(seconds),
        wall: wall.unwrap(),
    }
}

fn by(holder: &str, duration_seconds: i64) -> Seen {
    let (holder, transitions) = (holder.to_owned(), 4);
    Seen::Present(Record {
        holder,
        duration_seconds,
        transitions,
        ..Record::default()
    })
}

fn names(writes: &[Write]) -> Vec<&str> {
    writes.iter().map(|write| write.name.as_str()).collect()
}

#[test]
fn absent_and_free_leases_are_taken_together() {
    let mut state = State::default();
    let seen = [(SOURCE, Seen::Absent), (KUSTOMIZE, by("", 1))];
    let Step::Take { writes } = step(&mut state, &seen, clock(0)) else {
        panic!("not taken")
    };
    assert_eq!(names(&writes), [SOURCE, KUSTOMIZE]);
    assert_eq!((writes[0].create, writes[0].record.transitions), (true, 0));
    assert_eq!((writes[1].create, writes[1].record.transitions), (false, 5));
    for write in writes {
        assert_eq!(
            (write.record.holder.as_str(), write.record.duration_seconds),
            ("windlass", 900)
        );
    }
}

#[test]
fn one_lease_held_by_flux_blocks_all_and_frees_ours() {
    let mut state = State::default();
    let seen = [
        (SOURCE, by(HOLDER, 900)),
        (KUSTOMIZE, by("pod-1_x", 35)),
        (HELM, Seen::Absent),
    ];
    let Step::Blocked {
        name,
        holder,
        release,
        next,
    } = step(&mut state, &seen, clock(0))
    else {
        panic!("not blocked")
    };
    assert_eq!((name.as_str(), holder.as_str()), (KUSTOMIZE, "pod-1_x"));
    assert_eq!((names(&release), next), (vec![SOURCE], RETRY_PERIOD));
    assert_eq!(
        (
            release[0].record.holder.as_str(),
            release[0].record.transitions
        ),
        ("", 4)
    );
    // Seen unchanged for its whole duration, it counts as left behind.
    let Step::Blocked { next, .. } = step(&mut state, &seen, clock(30)) else {
        panic!("taken")
    };
    assert_eq!(next, Duration::from_secs(5));
    let Step::Take { writes } = step(&mut state, &seen, clock(35)) else {
        panic!("still blocked")
    };
    assert_eq!(names(&writes), [KUSTOMIZE, HELM]);
}

#[test]
fn a_lease_that_flux_renews_blocks_for_ever() {
    let mut state = State::default();
    for second in 0..200 {
        let Seen::Present(mut record) = by("pod-1", 15) else {
            panic!()
        };
        record.renewed = Some(clock(second).wall);
        let seen = [(SOURCE, Seen::Present(record))];
        assert!(matches!(
            step(&mut state, &seen, clock(second)),
            Step::Blocked { .. }
        ));
    }
}

#[test]
fn ours_are_renewed_every_five_minutes_without_changing_hands() {
    let mut state = State::default();
    let seen = [(SOURCE, by(HOLDER, 900)), (KUSTOMIZE, by(HOLDER, 900))];
    assert_eq!(
        step(&mut state, &seen, clock(0)),
        Step::Held {
            next: Duration::from_secs(300)
        }
    );
    assert_eq!(
        step(&mut state, &seen, clock(290)),
        Step::Held {
            next: Duration::from_secs(10)
        }
    );
    let Step::Take { writes } = step(&mut state, &seen, clock(300)) else {
        panic!("not renewed")
    };
    assert_eq!(names(&writes), [SOURCE, KUSTOMIZE]);
    assert_eq!((writes[0].record.transitions, writes[0].create), (4, false));
    assert_eq!(writes[0].record.renewed, Some(clock(300).wall));
}

#[test]
fn a_lease_that_cannot_be_read_means_stand_by() {
    let mut state = State::default();
    let seen = [(SOURCE, Seen::Absent), (HELM, Seen::Unreadable)];
    let expected = Step::Unknown {
        name: HELM.to_owned(),
        next: RETRY_PERIOD,
    };
    assert_eq!(step(&mut state, &seen, clock(0)), expected);
}

#[test]
fn only_ours_are_freed() {
    let seen = [
        (SOURCE, by(HOLDER, 900)),
        (KUSTOMIZE, by("pod-1", 15)),
        (HELM, Seen::Absent),
        (NOTIFICATION, Seen::Unreadable),
    ];
    let writes = release(&seen, clock(0));
    assert_eq!(names(&writes), [SOURCE]);
    assert_eq!(
        (
            writes[0].record.holder.as_str(),
            writes[0].record.duration_seconds
        ),
        ("", 1)
    );
}
