//! The report for the summary of a CI job, in Markdown. It does not know which CI.

use super::{Report, Verdict, printable, text};
use crate::checks::Status;

pub(super) fn markdown(report: &Report, commands: &[String]) -> String {
    let sign = if report.verdict() == Verdict::Pass { "✅" } else { "❌" };
    let mut page = format!("### {sign} {}\n\n", escaped(&text::verdict(report)));
    page += &format!("{}\n\n| | check | |\n| --- | --- | --- |\n", escaped(&report.kernel_name()));
    for finding in &report.findings {
        let word = match finding.status {
            Status::Pass => "ok",
            Status::Fail => "**FAIL**",
            Status::NotRun => "not run",
        };
        let place = finding.location.as_ref().filter(|_| finding.status == Status::Fail);
        let place = place.map_or(String::new(), |place| format!(", at {}", escaped(&place.to_string())));
        page += &format!("| {word} | {} | {}{place} |\n", finding.name, escaped(&finding.summary));
    }
    if !commands.is_empty() {
        let lines: String = commands.iter().map(|command| format!("    {}\n", printable(command))).collect();
        page += &format!("\nAt the desk:\n\n{lines}");
    }
    page + "\n"
}

/// Text in which nothing is Markdown or HTML, and no address becomes a link: ASCII signs stand behind a backslash.
fn escaped(text: &str) -> String {
    let text = printable(text);
    let mut escaped = String::new();
    for (at, character) in text.char_indices() {
        let is_link = match character {
            ':' => text[at..].starts_with("://"),
            '.' => text[..at].get(at.saturating_sub(3)..).is_some_and(|before| before.eq_ignore_ascii_case("www")),
            _ => false,
        };
        let is_plain = matches!(character, '.' | ',' | ':' | '/' | '\'' | '(' | ')') && !is_link;
        if character.is_ascii_punctuation() && !is_plain {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_of_a_kernel_s_text_is_markdown() {
        assert_eq!(escaped("a|b`c`<img>*_\u{1b}["), "a\\|b\\`c\\`\\<img\\>\\*\\_\\\\u\\{1b\\}\\[");
        assert_eq!(escaped("at 0x80200000, (wfi) src/main.rs:7."), "at 0x80200000, (wfi) src/main.rs:7.");
    }

    #[test]
    fn nothing_of_a_kernel_s_text_becomes_a_link() {
        assert_eq!(escaped("http://a.b, WWW.a.b me@a.b"), "http\\://a.b, WWW\\.a.b me\\@a.b");
        assert_eq!(escaped("ä.b ww.a"), "ä.b ww.a");
    }
}
