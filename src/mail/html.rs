//! HTML to text, as a reader would see it.
//!
//! In: the HTML of a part. Out: its text, one line per block or table row, cells apart by a tab, `<pre>` as
//! it stands, entities decoded, without scripts, styles, head and comments. One pass, no tree: a mail's
//! HTML is never trusted to be well-formed.

use mail_parser::decoders::html::add_html_token;
use memchr::{memchr, memchr3, memmem};

/// Elements whose begin and end break the line.
const BLOCKS: [&str; 27] = [
    "address",
    "article",
    "blockquote",
    "body",
    "br",
    "center",
    "div",
    "dl",
    "dd",
    "dt",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "title",
    "tr",
    "ul",
];
/// Elements whose content no reader sees.
const UNSEEN: [&str; 4] = ["script", "style", "head", "template"];
/// Longest entity looked for, such as `&CounterClockwiseContourIntegral;`.
const ENTITY_BYTES: usize = 40;

/// The text of `html`.
pub(super) fn to_text(html: &str) -> String {
    let mut text = Text { out: String::with_capacity(html.len() / 2), space: false, pre: 0 };
    let mut rest = html;
    while let Some(at) = memchr3(b'<', b'&', b'\n', rest.as_bytes()) {
        text.words(&rest[..at]);
        rest = &rest[at..];
        rest = match rest.as_bytes()[0] {
            b'<' => tag(rest, &mut text),
            b'&' => entity(rest, &mut text),
            _ => {
                if text.pre > 0 {
                    text.line_break()
                } else {
                    text.space = true
                }
                &rest[1..]
            }
        };
    }
    text.words(rest);
    text.out
}

struct Text {
    out: String,
    /// White space was seen and a word has to follow before it is written.
    space: bool,
    pre: usize,
}

impl Text {
    fn words(&mut self, words: &str) {
        if self.pre > 0 {
            self.write(words);
            return;
        }
        for word in words.split_inclusive(|c: char| c.is_ascii_whitespace()) {
            let bare = word.trim_ascii_end();
            if !bare.is_empty() {
                self.write(bare);
            }
            self.space |= bare.len() < word.len();
        }
    }

    fn write(&mut self, text: &str) {
        let fresh = self.out.is_empty() || self.out.ends_with(['\n', '\t']);
        if std::mem::take(&mut self.space) && !fresh {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }

    fn line_break(&mut self) {
        self.space = false;
        self.out.push('\n');
    }

    fn block(&mut self) {
        self.space = false;
        self.out.truncate(self.out.trim_end_matches(['\t', ' ']).len());
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
    }
}

/// What follows the tag, comment or unseen element at the beginning of `html`.
fn tag<'a>(html: &'a str, text: &mut Text) -> &'a str {
    if let Some(comment) = html.strip_prefix("<!--") {
        return memmem::find(comment.as_bytes(), b"-->").map_or("", |end| &comment[end + 3..]);
    }
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || b"/!?".contains(byte);
    if !html.as_bytes().get(1).is_some_and(begins) {
        text.words("<");
        return &html[1..];
    }
    let Some(end) = memchr(b'>', html.as_bytes()) else { return "" };
    let inside = &html[1..end];
    let after = &html[end + 1..];
    let closing = inside.starts_with('/');
    let name = inside.trim_start_matches('/');
    let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
    let is = |element: &&str| element.eq_ignore_ascii_case(name);
    if !closing && !inside.ends_with('/') && UNSEEN.iter().any(is) {
        return after_end_tag(after, name);
    }
    if is(&"br") {
        text.line_break();
    } else if BLOCKS.iter().any(is) {
        text.block();
        if is(&"pre") {
            text.pre = if closing { text.pre.saturating_sub(1) } else { text.pre + 1 };
        }
    } else if closing && (is(&"td") || is(&"th")) {
        text.space = false;
        text.out.push('\t');
    }
    after
}

/// What follows `</name>`; nothing, where it never comes.
fn after_end_tag<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    while let Some(at) = memmem::find(rest.as_bytes(), b"</") {
        rest = &rest[at + 2..];
        if rest.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)) {
            return memchr(b'>', rest.as_bytes()).map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

/// What follows the entity at the beginning of `html`; a `&` that begins none is a `&`.
fn entity<'a>(html: &'a str, text: &mut Text) -> &'a str {
    let window = &html.as_bytes()[..html.len().min(ENTITY_BYTES)];
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    let length = 1 + window[1..].iter().take_while(|byte| valid(byte)).count();
    if length < 2 || window.get(length) != Some(&b';') {
        text.write("&");
        return &html[1..];
    }
    let mut decoded = String::new();
    add_html_token(&mut decoded, &window[..=length], false);
    // A reader sees a no-break space as a space, and rules look for one.
    text.write(if decoded == "\u{a0}" { " " } else { &decoded });
    &html[length + 1..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reader_sees_lines_cells_and_preformatted_text() {
        for (html, expected) in [
            ("<p>Device:  <b>node7</b></p>\n<p>Job: 4&nbsp;2</p>", "Device: node7\nJob: 4 2\n"),
            ("a<br>b<BR/>c", "a\nb\nc"),
            (
                "<table><tr><td>Device</td><td>node7</td></tr><tr><th>Job</th> <th>4</th></tr></table>",
                "Device\tnode7\nJob\t4\n",
            ),
            ("<pre>a  b\n  c</pre>d  e", "a  b\n  c\nd e"),
            ("<head><title>no</title></head><style>p{}</style>yes<script>if(a<b)</script>!", "yes!"),
            ("<!-- <p>no</p> -->yes<!-- never closed", "yes"),
            ("1 < 2 &amp;&lt;b&gt; &#65;&#x42; &nope; &", "1 < 2 &<b> AB &nope; &"),
            ("a <img src=\"x>y\n", "a y"),
            ("cut off <a href=", "cut off"),
            ("für &euro;", "für €"),
        ] {
            assert_eq!(to_text(html), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(html in "([<>/!&;a-c# \n-]|&#x?[0-9]{0,9};|</?(p|pre|td|script|head)>|ü){0,60}") {
            to_text(&html);
        }

        #[test]
        fn text_without_markup_keeps_its_words(words in "[a-z ]{0,40}") {
            let expected: Vec<_> = words.split_ascii_whitespace().collect();
            let text = to_text(&words);
            prop_assert_eq!(text.trim(), expected.join(" "));
        }
    }
}
