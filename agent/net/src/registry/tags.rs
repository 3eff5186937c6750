//! All tags of a repository, page by page.

use std::io::Read as _;

use serde::Deserialize;
use ureq::http::{HeaderMap, Method, header};

use super::Registry;
use super::name::is_tag;
use crate::exchange::parse;
use crate::failure::Failure;
use crate::origin::HttpOrigin;

/// Tags asked for at once; registries give fewer if they like.
const PAGE: usize = 1000;

/// Pages of one list. Some registries give a hundred tags a page, and nobody has a hundred thousand tags.
const PAGES: usize = 1000;

#[derive(Deserialize)]
struct Page {
    /// A repository without tags has `null` here.
    tags: Option<Vec<String>>,
}

/// The tags, one a line. The byte limit of the request holds for everything that is read for them.
pub(super) fn all(registry: &mut Registry<'_>) -> Result<String, Failure> {
    let mut at = registry.at(&format!("tags/list?n={PAGE}"))?;
    let mut lines = String::new();
    let mut left = registry.exchange.request.byte_limit;
    for _ in 0..PAGES {
        let response = registry.ask(Method::GET, &at)?;
        let next = next(registry, &at, response.headers())?;
        let mut body = Vec::new();
        let reader = registry.exchange.body(response)?;
        let read = reader.take(left.saturating_add(1)).read_to_end(&mut body);
        read.map_err(|error| Failure::from_io(error, "reading the list of tags"))?;
        left = left
            .checked_sub(body.len() as u64)
            .ok_or_else(|| registry.exchange.too_large())?;
        let page: Page = serde_json::from_slice(&body).map_err(|_| {
            let shown = registry.exchange.shown();
            Failure::protocol(format!(
                "{shown} sends no list of tags; check that it is a registry"
            ))
        })?;
        // Nobody can ask for what is no tag.
        for tag in page
            .tags
            .unwrap_or_default()
            .iter()
            .filter(|tag| is_tag(tag))
        {
            lines.push_str(tag);
            lines.push('\n');
        }
        match next {
            Some(next) => at = next,
            None => return Ok(lines),
        }
    }
    let shown = registry.exchange.shown();
    Err(Failure::refused(format!(
        "{shown} has more than {PAGES} pages of tags"
    )))
}

/// The next page (RFC 8288); it must be at the same registry.
fn next(
    registry: &Registry<'_>,
    current: &HttpOrigin,
    headers: &HeaderMap,
) -> Result<Option<HttpOrigin>, Failure> {
    let links = headers.get_all(header::LINK).into_iter();
    let mut links = links.filter_map(|link| target(link.to_str().ok()?));
    let Some(target) = links.next() else {
        return Ok(None);
    };
    let next = parse(&current.resolve(target))?;
    match registry.exchange.is_at_origin(&next) {
        true => Ok(Some(next)),
        false => Err(Failure::refused(format!(
            "{} continues its list of tags at {}, another host; check the registry",
            registry.exchange.shown(),
            next.authority
        ))),
    }
}

fn target(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let mut parameters = parameters.split(';').map(str::trim);
    let is_next = parameters.any(|one| matches!(one, "rel=\"next\"" | "rel=next"));
    is_next.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_next_page_is_followed() {
        let next = "</v2/a/tags/list?last=b&n=2>; rel=\"next\"";
        assert_eq!(target(next), Some("/v2/a/tags/list?last=b&n=2"));
        assert_eq!(target("<x>; title=\"y\"; rel=next"), Some("x"));
        for nothing in [
            "",
            "<x>",
            "<x>; rel=\"prev\"",
            "x; rel=\"next\"",
            "<x; rel=\"next\"",
        ] {
            assert_eq!(target(nothing), None, "{nothing}");
        }
    }
}
