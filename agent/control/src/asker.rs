//! Who asks, by the kernel's word, and what that means.

use std::io;

use tokio::net::UnixStream;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// root, or the agent's own user: both can read the agent's files and its memory anyway.
    Owner,
    /// Somebody else whom the mode of the socket lets in: the group that root gave it to.
    Member,
}

// === impl Asker ===

impl Asker {
    /// Asks the kernel who connected (SO_PEERCRED): the user at that moment, whatever became of the process since.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn of(stream: &UnixStream) -> io::Result<Asker> {
        let own = nix::unistd::geteuid().as_raw();
        Ok(Asker::judge(stream.peer_cred()?.uid(), own))
    }

    /// Judges a user id as the agent sees it. In the user namespace of the unit everybody but root and the agent's
    /// user is the overflow user, who owns nothing.
    fn judge(user: u32, own: u32) -> Asker {
        if user == 0 || user == own {
            Asker::Owner
        } else {
            Asker::Member
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_agents_user_own_the_answers_and_nobody_else_does() {
        assert_eq!(Asker::judge(0, 990), Asker::Owner);
        assert_eq!(Asker::judge(990, 990), Asker::Owner);
        assert_eq!(Asker::judge(991, 990), Asker::Member);
        assert_eq!(Asker::judge(65534, 990), Asker::Member);
    }
}
