use super::*;

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn leadership(seconds: u64) -> (Leadership, Arc<Hand>) {
    let hand = Arc::new(Hand::default());
    let clock: Arc<dyn Clock> = Arc::<Hand>::clone(&hand);
    (
        Leadership::new(7, Duration::from_secs(seconds), clock),
        hand,
    )
}

#[test]
fn leadership_ends_at_its_deadline_and_not_before() {
    let (leadership, hand) = leadership(10);
    hand.0.store(9_999, Ordering::SeqCst);
    assert_eq!(leadership.check(), Ok(()));
    hand.0.store(10_000, Ordering::SeqCst);
    assert_eq!(leadership.check(), Err(NotLeading { epoch: 7 }));
}

#[test]
fn clones_follow_renewals_and_the_end() {
    let (leadership, hand) = leadership(10);
    let clone = leadership.clone();
    hand.0.store(10_000, Ordering::SeqCst);
    leadership.extend(Duration::from_secs(20));
    assert_eq!(clone.check(), Ok(()));
    leadership.end();
    assert_eq!(clone.check(), Err(NotLeading { epoch: 7 }));
}

#[test]
fn a_write_ends_before_the_leadership_and_is_not_begun_when_little_is_left() {
    let (leadership, hand) = leadership(10);
    let authority = Authority::Leader(&leadership);
    assert_eq!(
        authority.time_allowed(Duration::from_secs(30)),
        Ok(Duration::from_millis(9_500))
    );
    assert_eq!(
        authority.time_allowed(Duration::from_secs(3)),
        Ok(Duration::from_secs(3))
    );
    hand.0.store(8_501, Ordering::SeqCst);
    assert!(authority.time_allowed(Duration::from_secs(30)).is_err());
    assert_eq!(
        Authority::Person.time_allowed(Duration::from_secs(30)),
        Ok(Duration::from_secs(30))
    );
}

#[test]
fn a_clock_that_cannot_be_read_allows_nothing() {
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> Duration {
            Duration::MAX
        }
    }
    let leadership = Leadership::new(1, Duration::from_secs(10), Arc::new(Broken));
    assert!(leadership.check().is_err());
}
