//! Every rule by name, whole and in every split.

use super::{BodyFault, Fault, Framing, HeadFault, HeadLimits, Passed};

const REST: &str = "Host: a\r\n\r\n";

fn limits() -> HeadLimits {
    HeadLimits { head_bytes: 400, request_line_bytes: 100, fields: 10 }
}

/// What comes of `input` in pieces of `size` bytes.
fn in_pieces(input: &[u8], size: usize) -> Passed {
    let mut framing = Framing::new(limits());
    let mut sum = Passed { bytes: 0, heads: 0, fault: None };
    for piece in (size..input.len()).step_by(size).chain([input.len()]) {
        let passed = framing.advance(&input[sum.bytes..piece]);
        sum = Passed { bytes: sum.bytes + passed.bytes, heads: sum.heads + passed.heads, ..passed };
        if passed.fault.is_some() {
            break;
        }
    }
    sum
}

#[track_caller]
fn passed(input: &[u8]) -> Passed {
    let whole = in_pieces(input, input.len().max(1));
    for size in 1..input.len() {
        assert_eq!(in_pieces(input, size), whole, "{:?} by {size}", String::from_utf8_lossy(input));
    }
    whole
}

/// A head alone is refused, and so it is after a request.
#[track_caller]
fn refused(head: impl AsRef<[u8]>, fault: HeadFault) {
    let head = head.as_ref();
    let text = String::from_utf8_lossy(head);
    assert_eq!(passed(head), Passed { bytes: 0, heads: 0, fault: Some(fault.into()) }, "{text:?}");
    let before = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
    let expected = Passed { bytes: before.len(), heads: 1, fault: Some(fault.into()) };
    assert_eq!(passed(&[before.as_bytes(), head].concat()), expected, "{text:?} after a request");
}

/// Requests that are complete.
#[track_caller]
fn accepted(input: impl AsRef<[u8]>, heads: u64) {
    let input = input.as_ref();
    let expected = Passed { bytes: input.len(), heads, fault: None };
    assert_eq!(passed(input), expected, "{:?}", String::from_utf8_lossy(input));
}

#[track_caller]
fn body_refused(body: &str, good: usize, fault: BodyFault) {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let expected = Passed { bytes: head.len() + good, heads: 1, fault: Some(Fault::Body(fault)) };
    assert_eq!(passed(format!("{head}{body}").as_bytes()), expected, "{body:?}");
}

#[track_caller]
fn body_accepted(body: &str) {
    let request = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    accepted(request.repeat(2), 2);
}

fn line(line: &str) -> String {
    format!("{line}\r\n{REST}")
}

fn field(field: &str) -> String {
    format!("GET / HTTP/1.1\r\n{field}\r\n{REST}")
}

#[test]
fn heads_that_are_well_formed_pass() {
    accepted("", 0);
    for request_line in
        ["GET / HTTP/1.1", "GET / HTTP/1.0", "M-SEARCH * HTTP/1.1", "!#$%&'*+-.^_`|~ / HTTP/1.1"]
    {
        accepted(line(request_line), 1);
    }
    for value in
        ["a:b", "a:  b\t c ", "a:", "a: \t", "a:\u{e9}", "a: \"q\\\"\"", "a-b_c: d:e", "Upgrade: h2c"]
    {
        accepted(field(value), 1);
    }
    accepted(line("GET / HTTP/1.1").repeat(3), 3);
    accepted("GET / HTTP/1.1\r\n\r\n", 1);
}

#[test]
fn empty_lines_before_a_request_are_ignored() {
    accepted(format!("\r\n\r\n{}\r\n{}", line("GET / HTTP/1.1"), line("GET / HTTP/1.1")), 2);
    refused(format!("{}GET / HTTP/1.1\r\n", "\r\n".repeat(200)), HeadFault::HeadTooLong);
}

#[test]
fn a_bare_line_feed_is_refused() {
    for head in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\n\n",
        "\nGET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\na: b\nContent-Length: 3\r\n\r\n",
    ] {
        refused(head, HeadFault::BareLineFeed);
    }
}

#[test]
fn a_bare_carriage_return_is_refused() {
    refused(field("a: b\rc"), HeadFault::FieldValue);
    refused(field("a: b\r"), HeadFault::FieldValue);
    refused(field("a: \rContent-Length: 5"), HeadFault::FieldValue);
    refused(field("a\r: b"), HeadFault::FieldName);
    refused(line("GET / HTTP/1.1\r"), HeadFault::RequestLine);
    refused(line("GET /\r HTTP/1.1"), HeadFault::Target);
    refused("\rGET / HTTP/1.1\r\n\r\n", HeadFault::Method);
    refused("GET / HTTP/1.1\r\n\r\r\n", HeadFault::FieldName);
}

#[test]
fn a_folded_field_is_refused() {
    for folded in ["a: b\r\n c", "a: b\r\n\tc", " a: b", "\ta: b", "a: b\r\n \r\nc: d"] {
        refused(field(folded), HeadFault::Folded);
    }
}

#[test]
fn a_field_name_is_a_token_before_a_colon() {
    for name in [
        "a : b",
        "a\t: b",
        ": b",
        "a b: c",
        "a",
        "a(: b",
        "a\"b: c",
        "\u{e9}: b",
        "a\0: b",
        "a\u{7f}: b",
        "Content-Length : 3",
    ] {
        refused(field(name), HeadFault::FieldName);
    }
}

#[test]
fn a_field_value_has_no_control_characters() {
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\n".contains(byte)) {
        let mut head = b"GET / HTTP/1.1\r\na: b".to_vec();
        head.push(byte);
        head.extend_from_slice(b"c\r\nHost: a\r\n\r\n");
        refused(head, HeadFault::FieldValue);
    }
}

#[test]
fn a_request_line_is_method_target_version() {
    for request_line in [
        "GET /",
        "GET",
        "GET /a b HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1 ",
        "GET  / HTTP/1.1",
        "GET\t/ HTTP/1.1 x",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / XTTP/1.1",
    ] {
        let head = line(request_line);
        let fault = passed(head.as_bytes()).fault;
        let expected = [HeadFault::RequestLine, HeadFault::Method].map(|fault| Some(Fault::Head(fault)));
        assert!(expected.contains(&fault), "{request_line}: {fault:?}");
    }
    refused(line("GET  HTTP/1.1"), HeadFault::Target);
}

#[test]
fn a_method_is_a_token() {
    for method in [" ", "(", "GET(", "G\"", "G\0T", "\u{e9}", "GET:"] {
        refused(line(&format!("{method} / HTTP/1.1")), HeadFault::Method);
    }
    // Another protocol is told at its first byte.
    refused([0x16, 0x03, 0x01], HeadFault::Method);
}

#[test]
fn a_target_is_a_path_or_an_absolute_uri() {
    for target in [
        "/",
        "/a?b=c",
        "/%zz",
        "/a?b?c/d",
        "*",
        "http://a",
        "HTTP://a/",
        "https://a:1/b?c",
        "http://a?b",
        "http://[::1]:80/",
        "//a",
    ] {
        accepted(line(&format!("GET {target} HTTP/1.1")), 1);
    }
    for target in
        ["a", "a:1", "?", "#", "*a", "**", "/a\0", "/a\u{7f}", "http:", "http://", "http:///a", "http://?"]
    {
        refused(line(&format!("GET {target} HTTP/1.1")), HeadFault::Target);
    }
    refused(line("CONNECT a:443 HTTP/1.1"), HeadFault::Connect);
}

#[test]
fn an_absolute_target_is_of_http_and_its_authority_is_held_to_what_host_is() {
    for target in [
        "://x",
        "ftp://h/",
        "file:///etc/passwd",
        "httpx://h/",
        "ws://h/",
        "http://admin.example.com:x@evil.org/secret",
        "http://u@h/",
        "http://:80/",
        "http://h:99999/",
        "http://h:+80/",
        "http://[::1]a/",
        "http://[::1/",
        "http://a%2eb/",
        "http://h\\@evil.org/",
        "http://h/a#b",
        "http://h/\u{e9}",
    ] {
        refused(line(&format!("GET {target} HTTP/1.1")), HeadFault::Target);
    }
}

#[test]
fn raw_characters_are_those_of_uris_and_those_that_browsers_send() {
    let uri = "!$%&'()*+,-./:;=@_~";
    for byte in 0x21..0x7f_u8 {
        let sent = char::from(byte);
        for (target, browsers) in [(format!("/a{sent}b"), "[]^|?"), (format!("/a?b{sent}c"), "[]^|?{}`\\")] {
            let expected = byte.is_ascii_alphanumeric() || uri.contains(sent) || browsers.contains(sent);
            let head = line(&format!("GET {target} HTTP/1.1"));
            assert_eq!(passed(head.as_bytes()).fault.is_none(), expected, "{target}");
            // hyper is never shown what it would answer itself.
            assert!(!expected || http::Uri::try_from(target.as_str()).is_ok(), "{target}");
        }
    }
    for target in ["/caf\u{e9}", "/a?\u{e9}", "/a#frag?q", "/a?q#frag"] {
        refused(line(&format!("GET {target} HTTP/1.1")), HeadFault::Target);
    }
    refused(b"GET /\xff HTTP/1.1\r\n\r\n", HeadFault::Target);
}

#[test]
fn other_versions_are_505() {
    for version in ["2.0", "3.0", "0.9", "1.2", "9.9"] {
        refused(line(&format!("GET / HTTP/{version}")), HeadFault::Version);
    }
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HeadFault::Version);
    assert_eq!(HeadFault::Version.status(), 505);
}

#[test]
fn a_content_length_is_one_number() {
    for length in [
        "",
        "+3",
        "-3",
        "3.0",
        "0x3",
        "3 3",
        "3,3",
        "3, 4",
        "\u{b2}",
        "9223372036854775808",
        "99999999999999999999999",
    ] {
        refused(field(&format!("Content-Length: {length}")), HeadFault::ContentLength);
    }
    for (first, second) in [(3, 4), (3, 3), (0, 0)] {
        let fields = format!("content-length: {first}\r\nCONTENT-LENGTH: {second}");
        refused(field(&fields), HeadFault::ContentLengths);
    }
    accepted(format!("{}abc", field("Content-Length:\t 3 ")), 1);
    accepted(format!("{}abc", field("Content-Length: 0003")), 1);
    accepted(field("Content-Length: 9223372036854775807"), 1);
}

#[test]
fn two_framings_are_refused() {
    let (length, coding) = ("Content-Length: 3", "Transfer-Encoding: chunked");
    refused(field(&format!("{length}\r\n{coding}")), HeadFault::TwoFramings);
    refused(field(&format!("{coding}\r\n{length}")), HeadFault::TwoFramings);
    refused(field("Content-Length: 0\r\nTransfer-Encoding: gzip"), HeadFault::TwoFramings);
}

#[test]
fn http_1_0_has_no_transfer_encoding() {
    let head = format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n{REST}");
    refused(head, HeadFault::TransferEncodingInHttp10);
}

#[test]
fn chunked_comes_once_and_last() {
    for codings in [
        "chunked, chunked",
        "chunked, gzip",
        "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\ntransfer-encoding: gzip",
        "gzip, chunked, chunked",
        "",
        ",chunked",
        "chunked,",
        "chunked;a=b",
        "chun ked",
        "\u{b}chunked",
        "\"chunked\"",
    ] {
        let fault = passed(field(&format!("Transfer-Encoding: {codings}")).as_bytes()).fault;
        let expected =
            if codings.starts_with('\u{b}') { HeadFault::FieldValue } else { HeadFault::TransferEncoding };
        assert_eq!(fault, Some(Fault::Head(expected)), "{codings:?}");
    }
    accepted(format!("{}0\r\n\r\n", field("transfer-ENCODING: \t Chunked ")), 1);
}

#[test]
fn other_codings_are_501() {
    for codings in [
        "gzip",
        "gzip, chunked",
        "identity",
        "gzip;q=1,chunked",
        "xchunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ] {
        refused(field(&format!("Transfer-Encoding: {codings}")), HeadFault::UnknownCoding);
    }
    assert_eq!(HeadFault::UnknownCoding.status(), 501);
}

#[test]
fn a_request_line_has_a_limit() {
    let of = |length: usize| format!("GET /{} HTTP/1.1", "a".repeat(length - 14));
    // With its CRLF.
    accepted(line(&of(98)), 1);
    refused(line(&of(99)), HeadFault::RequestLineTooLong);
    refused(of(300), HeadFault::RequestLineTooLong);
    refused("A".repeat(101), HeadFault::RequestLineTooLong);
    assert_eq!(HeadFault::RequestLineTooLong.status(), 414);
}

#[test]
fn a_head_has_a_limit() {
    let of = |length: usize| field(&format!("a: {}", "b".repeat(length - field("a: ").len())));
    accepted(of(400), 1);
    refused(of(401), HeadFault::HeadTooLong);
    refused(&of(401)[..401], HeadFault::HeadTooLong);
    refused(field(&"a: b\r\n".repeat(200)), HeadFault::TooManyFields);
    refused(field(&["a: b"; 10].join("\r\n")), HeadFault::TooManyFields);
    accepted(field(&["a: b"; 9].join("\r\n")), 1);
    assert_eq!(HeadFault::HeadTooLong.status(), 431);
    assert_eq!(HeadFault::TooManyFields.status(), 431);
}

#[test]
fn chunked_bodies_pass() {
    for body in [
        "0\r\n\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
        "0003\r\na\r\n\r\n00\r\n\r\n",
        "a\r\n0123456789\r\nA;x=y\r\n0123456789\r\n0 ;\tz = \"\t;\\\"\u{e9}\";y\r\n\r\n",
        "0\r\nA: b\r\nc:\r\n\r\n",
        "000000000000000a\r\n0123456789\r\n0\r\n\r\n",
    ] {
        body_accepted(body);
    }
}

#[test]
fn a_chunk_size_is_1_to_16_hexadecimal_digits() {
    for size in ["", "g", "-1", "+1", "0x1", " 1", "\t1", "00000000000000001", ";a", "fffffffffffffffff"] {
        body_refused(
            &format!("{size}\r\n1\r\n"),
            0,
            if size == "0x1" { BodyFault::ChunkExtension } else { BodyFault::ChunkSize },
        );
    }
    body_refused("1\r\na\r\n\r\n", 6, BodyFault::ChunkSize);
}

#[test]
fn a_chunk_ends_with_crlf() {
    body_refused("3\nabc\r\n", 0, BodyFault::ChunkEnd);
    body_refused("3;a\nabc\r\n", 0, BodyFault::ChunkEnd);
    for end in ["\n", "\r\r\n", "d\r\n", "\rx"] {
        body_refused(&format!("3\r\nabc{end}0\r\n\r\n"), 6, BodyFault::ChunkEnd);
    }
}

#[test]
fn a_chunk_extension_is_a_name_and_maybe_a_value() {
    for extension in [
        " ",
        "\t",
        " a",
        "g",
        ";",
        ";;",
        ";a;",
        "; ",
        ";=b",
        ";a=",
        ";a= ",
        ";a ",
        ";a=b ",
        ";a=b c",
        ";a b",
        ";bad[=x",
        ";a=[",
        ";a=\"",
        ";a=\"b",
        ";a=\"b\\\"",
        ";a=\"b\"c",
        ";a=\"\0\"",
        ";a=\"\\\u{1}\"",
        ";\u{e9}",
        ";a=\u{e9}",
        ";a==b",
        ";a,b",
        ";a\0",
        ";a\rb",
        ";\u{7f}",
        "\r",
    ] {
        body_refused(&format!("3{extension}\r\nabc\r\n"), 0, BodyFault::ChunkExtension);
    }
    for extension in [
        ";a",
        ";a=b",
        " ; a = b ;c",
        ";a=\"\"",
        "\t;\ta=\"b;\\\"\u{e9}\t\\\\\"",
        ";a;b=c;d=\"e\"",
        ";!#$%&'*+-.^_`|~=1",
    ] {
        body_accepted(&format!("3{extension}\r\nabc\r\n0{extension}\r\n\r\n"));
    }
    let long = format!("1;{}\r\na\r\n", "x".repeat(1000));
    body_refused(&long.repeat(9), long.len() * 8, BodyFault::ChunkExtensions);
    body_refused(&format!("1;{}", "x".repeat(9000)), 0, BodyFault::ChunkExtensions);
}

#[test]
fn trailers_are_fields() {
    for trailer in ["a", "a : b", " a: b", ": b", "a: \0", "a: b\rc"] {
        body_refused(&format!("0\r\n{trailer}\r\n\r\n"), 3, BodyFault::Trailer);
    }
    body_refused("0\r\na: b\n\r\n", 3, BodyFault::Trailer);
    body_refused("0\r\n\n", 3, BodyFault::Trailer);
    body_refused(&format!("0\r\n{}", "a: b\r\n".repeat(101)), 3 + 600, BodyFault::Trailers);
    body_refused(&format!("0\r\na: {}", "b".repeat(9000)), 3, BodyFault::Trailers);
}

#[test]
fn nothing_passes_after_a_refusal() {
    let mut framing = Framing::new(limits());
    let refused = framing.advance(b"GET / HTTP/1.1\n");
    assert_eq!(framing.advance(b"GET / HTTP/1.1\r\n\r\n"), refused);
}
