use windlass_wire::FailureClass;

use super::*;

fn read_all(limit: u64, timeout: std::time::Duration) -> (u64, Result<Vec<u8>, Failure>) {
    let mut count = 0;
    let limits = Limits {
        wire_bytes: limit,
        ..Limits::DEFAULT
    };
    let deadline = Deadline::after(timeout);
    let inner = Box::new(io::repeat(7).take(1_000_000));
    let mut bytes = Vec::new();
    let result = Counted::new(inner, &mut count, &limits, deadline).read_to_end(&mut bytes);
    (
        count,
        result
            .map(|_| bytes)
            .map_err(|error| Failure::from_io(error, "reading")),
    )
}

#[test]
fn what_arrives_is_counted_and_ends_at_the_limit() {
    let minute = std::time::Duration::from_secs(60);
    let (count, result) = read_all(1_000_000, minute);
    assert_eq!((count, result.unwrap().len()), (1_000_000, 1_000_000));
    let (count, result) = read_all(300_000, minute);
    assert_eq!(result.unwrap_err().class, FailureClass::Refused);
    assert!(count < 1_000_000, "it stops in the middle: {count}");
}

#[test]
fn nothing_is_read_after_the_deadline() {
    let (count, result) = read_all(1_000_000, std::time::Duration::ZERO);
    assert_eq!(result.unwrap_err().class, FailureClass::Timeout);
    assert_eq!(count, 0);
}
