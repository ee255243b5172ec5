//! Values of options that have a syntax of their own. It does not know which options.

use std::time::Duration;

/// Replaces C's escapes, which a shell leaves unchanged.
#[derive(Clone, Debug)]
pub struct Text(pub Vec<u8>);

pub fn unescaped(text: &str) -> Result<Text, String> {
    let mut bytes = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let meant = match character {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('\\') => '\\',
                other => {
                    return Err(format!(
                        "\\{} is not an escape; use \\n, \\r, \\t or \\\\",
                        other.map_or(String::new(), String::from)
                    ));
                }
            },
            plain => plain,
        };
        bytes.extend(meant.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(Text(bytes))
}

/// A number of seconds, above 0 and up to a day.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("expected a number of seconds, more than 0 and at most {DAY}")),
    }
}
