//! The protocol between the two processes, and the ranges of versions that both read.

use windlass_wire::{
    Range, Request, parse_tag, read_answer, read_from_net, read_piece, read_question, read_request,
    write_admit, write_answer, write_bucket, write_bundle, write_copy, write_download,
    write_from_net, write_piece, write_post, write_question, write_registry, write_request,
    write_serve,
};

/// Answers that are read from one input at most.
const ANSWERS: usize = 100;

/// What windlass-net reads from its socket. What is read is written as it was.
pub(crate) fn request(bytes: &[u8]) {
    if let Ok(request) = read_request(&mut &*bytes) {
        let mut written = Vec::new();
        let wrote = match &request {
            Request::Fetch(fetch) => write_request(&mut written, fetch),
            Request::Download(download) => write_download(&mut written, download),
            Request::Registry(registry) => write_registry(&mut written, registry),
            Request::Bucket(bucket) => write_bucket(&mut written, bucket),
            Request::Post(post) => write_post(&mut written, post),
            Request::Serve(routes) => write_serve(&mut written, routes),
            Request::Bundle(bundle) => write_bundle(&mut written, bundle),
            Request::Copy(copy) => write_copy(&mut written, copy),
            Request::Admit(admit) => write_admit(&mut written, admit),
        };
        let written = wrote.is_ok() && bytes.starts_with(&written);
        assert!(written, "{request:?} was read and is not what was written");
    }
}

/// What the agent reads from a windlass-net that may have been broken into.
pub(crate) fn answer(bytes: &[u8]) {
    let mut rest = bytes;
    for _ in 0..ANSWERS {
        let before = rest;
        let Ok(answer) = read_answer(&mut rest) else {
            return;
        };
        let mut written = Vec::new();
        let written = write_answer(&mut written, &answer).is_ok() && before.starts_with(&written);
        assert!(written, "{answer:?} was read and is not what was written");
    }
}

/// What windlass-net reads from another node, and the agent from windlass-net.
pub(crate) fn question(bytes: &[u8]) {
    if let Ok(question) = read_question(&mut &*bytes) {
        let mut written = Vec::new();
        let wrote = write_question(&mut written, &question).is_ok();
        let written = wrote && bytes.starts_with(&written);
        assert!(written, "{question:?} was read and is not what was written");
    }
}

/// What the agent reads of a download from such a windlass-net.
pub(crate) fn piece(bytes: &[u8]) {
    let mut rest = bytes;
    for _ in 0..ANSWERS {
        let before = rest;
        let Ok(piece) = read_piece(&mut rest) else {
            return;
        };
        let mut written = Vec::new();
        let written = write_piece(&mut written, &piece).is_ok() && before.starts_with(&written);
        assert!(written, "{piece:?} was read and is not what was written");
    }
}

/// What the agent reads of webhooks from such a windlass-net.
pub(crate) fn taken(bytes: &[u8]) {
    let mut rest = bytes;
    for _ in 0..ANSWERS {
        let before = rest;
        let Ok(taken) = read_from_net(&mut rest) else {
            return;
        };
        let mut written = Vec::new();
        let written = write_from_net(&mut written, &taken).is_ok() && before.starts_with(&written);
        assert!(written, "{taken:?} was read and is not what was written");
    }
}

/// A range as a source asks for it, and each line after it a tag as a server names it.
pub(crate) fn range(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let Some(Ok(range)) = lines.next().map(Range::parse) else {
        return;
    };
    for version in lines.filter_map(parse_tag) {
        let _ = range.matches(&version);
    }
}
