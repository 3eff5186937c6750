use windlass_state::PutError;
use windlass_trust::Oid;

use super::*;

/// T05: whoever meets the attack first, windlass-net or the agent, it is said by its name, and is no fault of the network
/// that soon passes.
#[test]
fn t05_a_collision_attack_is_a_refusal_of_its_own() {
    let oid = Oid::from_bytes([7; 20]);
    let of_net = FetchError::Failed {
        class: FailureClass::HashCollision,
        message: "the server sent an object that carries a SHA-1 collision attack".to_owned(),
    };
    for error in [of_net, FetchError::Put(PutError::Collision { oid })] {
        let error = error.behind(oid);
        let problem = Problem::fetch(&error);
        assert_eq!(problem.reason, "HashCollision");
        assert!(problem.message.contains("collision"), "{}", problem.message);
        assert!(!problem.is_fetch() && !problem.is_offline());
        let mut status = GitRepositoryStatus::default();
        report(
            &mut status,
            &problem,
            Some(1),
            Time::new(jiff::Timestamp::now()),
        );
        let verified = conditions::get(&status.conditions, conditions::SOURCE_VERIFIED).unwrap();
        assert_eq!(verified.status, ConditionStatus::False);
    }
    let other = FetchError::Put(PutError::TooMuch);
    assert_eq!(Problem::fetch(&other).reason, reasons::GIT_OPERATION_FAILED);
}
