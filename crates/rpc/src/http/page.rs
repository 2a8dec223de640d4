//! The page for people: plain files, embedded as they are and never built.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::http::{
    etag,
    respond::{Body, empty, not_allowed, whole},
};

/// Every file of the page: its path, its content type, and what it holds.
const FILES: [(&str, &str, &str); 13] = [
    ("/", "text/html; charset=utf-8", include_str!("../../page/index.html")),
    ("/page/style.css", STYLE, include_str!("../../page/style.css")),
    ("/page/page.js", SCRIPT, include_str!("../../page/page.js")),
    ("/page/feed.js", SCRIPT, include_str!("../../page/feed.js")),
    ("/page/words.js", SCRIPT, include_str!("../../page/words.js")),
    ("/page/readiness.js", SCRIPT, include_str!("../../page/readiness.js")),
    ("/page/heads.js", SCRIPT, include_str!("../../page/heads.js")),
    ("/page/chains.js", SCRIPT, include_str!("../../page/chains.js")),
    ("/page/history.js", SCRIPT, include_str!("../../page/history.js")),
    ("/page/sources.js", SCRIPT, include_str!("../../page/sources.js")),
    ("/page/uPlot.iife.min.js", SCRIPT, include_str!("../../page/uPlot.iife.min.js")),
    ("/page/uPlot.min.css", STYLE, include_str!("../../page/uPlot.min.css")),
    ("/page/uPlot.LICENSE", "text/plain; charset=utf-8", include_str!("../../page/uPlot.LICENSE")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// What keeps the page from asking anybody else, from running what is not its own, and from being framed.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // Asked for every time and answered by 304: files of two versions of the program never meet.
    (header::CACHE_CONTROL, "no-cache"),
    (header::VARY, "accept"),
];

/// Whether `GET /` comes from a browser. A load balancer asks for anything, and gets an empty answer as from op-node.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|media| media.split(';').next().is_some_and(is_html))
}

fn is_html(media: &str) -> bool {
    media.trim().eq_ignore_ascii_case("text/html")
}

/// The file of the page at `path`, if there is one.
pub(crate) fn file(path: &str, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
    let (_, content_type, body) = FILES.iter().find(|(file, ..)| *file == path)?;
    if ![Method::GET, Method::HEAD].contains(method) {
        return Some(not_allowed("GET, HEAD, OPTIONS"));
    }
    let tag = tag(body);
    let mut response = Response::new(whole(*body));
    if etag::is_known(headers, &tag) {
        response = Response::new(empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let answer = response.headers_mut();
    answer.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(header::ETAG, tag);
    Some(response)
}

fn tag(body: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish())).expect("digits and quotes are printable")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The page has to arrive over a telephone's connection in the middle of the night.
    #[test]
    fn the_page_is_small() {
        let total: usize = FILES.iter().map(|(_, _, body)| body.len()).sum();
        assert!(total < 150_000, "{total} bytes");
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let there: BTreeSet<_> = names.map(|name| format!("/page/{name}").replace("/page/index.html", "/")).collect();
        let served: BTreeSet<_> = FILES.iter().map(|(path, ..)| (*path).to_owned()).collect();
        assert_eq!(there, served);
    }

    /// Names and errors of endpoints are foreign text, and the policy has no place for anything inline.
    #[test]
    fn nothing_is_inline_and_nothing_becomes_markup() {
        for (path, _, body) in FILES.iter().filter(|(path, ..)| !path.contains("uPlot")) {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", " style=", " onclick=", "<style"]
            {
                assert!(!body.contains(forbidden), "{path}: {forbidden}");
            }
        }
    }

    /// Counts come without an explanation, so the page has them all.
    #[test]
    fn the_page_explains_every_reason_as_the_server_does() {
        let words = include_str!("../../page/words.js");
        for reason in status::Reason::ALL {
            let line = format!("  {}: [\"{}\", \"{}\"],", reason.as_str(), reason.kind(), reason.explain());
            assert!(words.lines().any(|found| found == line), "not in words.js: {line}");
        }
    }

    #[test]
    fn browsers_are_told_from_load_balancers() {
        for (accept, expected) in [
            (&[][..], false),
            (&["*/*"], false),
            (&["application/json"], false),
            (&["text/*"], false),
            (&["text/html"], true),
            (&["application/xhtml+xml,Text/HTML;q=0.9,*/*;q=0.8"], true),
            (&["image/png", "text/html"], true),
            (&["text/html5"], false),
        ] {
            let headers = accept.iter().map(|value| (header::ACCEPT, HeaderValue::from_static(value))).collect();
            assert_eq!(is_wanted(&headers), expected, "{accept:?}");
        }
    }
}
