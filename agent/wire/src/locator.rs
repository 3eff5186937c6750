//! URLs as they may be shown: without passwords, tokens and queries.

use std::fmt;

/// Shows a URL with everything secret masked: a password, a user name of http(s) (it may be a token), the
/// query and the fragment. Works on malformed URLs too, where it rather masks too much.
#[derive(Clone, Copy)]
pub struct DisplayUrl<'a>(pub &'a str);

const MASK: &str = "***";

impl fmt::Display for DisplayUrl<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = match self.0.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, self.0),
        };
        let (rest, had_query) = match rest.find(['?', '#']) {
            Some(position) => (rest.get(..position).unwrap_or_default(), true),
            None => (rest, false),
        };
        if let Some(scheme) = scheme {
            write!(formatter, "{}://", Printable(scheme))?;
        }
        write_masked(formatter, scheme, rest)?;
        if had_query {
            write!(formatter, "?{MASK}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DisplayUrl<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{self}\"")
    }
}

fn write_masked(
    formatter: &mut fmt::Formatter<'_>,
    scheme: Option<&str>,
    rest: &str,
) -> fmt::Result {
    let Some(end_of_userinfo) = end_of_userinfo(rest) else {
        return write!(formatter, "{}", Printable(rest));
    };
    let userinfo = rest.get(..end_of_userinfo).unwrap_or_default();
    let host = rest.get(end_of_userinfo + 1..).unwrap_or_default();
    let user_is_public = scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case("ssh"));
    match userinfo.split_once(':') {
        Some((user, _)) if user_is_public => {
            write!(formatter, "{}:{MASK}@{}", Printable(user), Printable(host))
        }
        None if user_is_public => write!(formatter, "{}@{}", Printable(userinfo), Printable(host)),
        _ => write!(formatter, "{MASK}@{}", Printable(host)),
    }
}

/// Where the `@` is that ends the user info. A password may hold an unescaped `/`: when what stands before
/// the first `/` has no `@` but a colon that starts no port number, the last `@` of the text ends it.
fn end_of_userinfo(rest: &str) -> Option<usize> {
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some(position) = authority.rfind('@') {
        return Some(position);
    }
    let (_, after_colon) = authority.split_once(':')?;
    let is_port = !after_colon.is_empty() && after_colon.bytes().all(|byte| byte.is_ascii_digit());
    if is_port { None } else { rest.rfind('@') }
}

/// Control characters never reach a log or a terminal.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                write!(formatter, "{character}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::DisplayUrl;

    #[track_caller]
    fn check(url: &str, shown: &str) {
        assert_eq!(DisplayUrl(url).to_string(), shown);
        assert_eq!(format!("{:?}", DisplayUrl(url)), format!("\"{shown}\""));
    }

    #[test]
    fn userinfo_and_query_are_masked() {
        check("https://host.test/repo.git", "https://host.test/repo.git");
        check("https://host.test:8443/repo", "https://host.test:8443/repo");
        check("https://me:hunter2@host.test/r", "https://***@host.test/r");
        check("https://ghp_token@host.test/r", "https://***@host.test/r");
        check("https://host.test/r?sig=abc", "https://host.test/r?***");
        check("https://host.test/r#abc", "https://host.test/r?***");
        check("https://host.test/a@b", "https://host.test/a@b");
    }

    #[test]
    fn an_ssh_user_is_shown_but_never_its_password() {
        check("ssh://git@host.test/r", "ssh://git@host.test/r");
        check("ssh://git:secret@host.test/r", "ssh://git:***@host.test/r");
        check("git@host.test:org/r.git", "git@host.test:org/r.git");
    }

    #[test]
    fn a_malformed_url_rather_masks_too_much() {
        check("https://me:pa/ss@host.test/r", "https://***@host.test/r");
        check("https://me:p@ss@host.test/r", "https://***@host.test/r");
        check("https://a\nb/", "https://a\\nb/");
        check("", "");
        check("://", "://");
        check("@", "@");
    }

    #[test]
    fn a_path_on_the_node_is_shown_as_it_is() {
        check("/srv/git/fleet.git", "/srv/git/fleet.git");
        check("file:///srv/git/fleet.git", "file:///srv/git/fleet.git");
    }
}
