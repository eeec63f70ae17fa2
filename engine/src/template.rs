//! The chat template that a GGUF carries, really rendered.
//!
//! Jinja by `minijinja` with its Python-compatibility methods, set up as Hugging Face's transformers
//! set up jinja2. A model without a template (a base model) gets the plain text.
//!
//! What people say cannot pass for control: where a message spells a control token, it is fenced, and
//! the tokenizer reads what is between fences as text.
//!
//! Deliberately absent: `strftime_now` (a clock in a prompt spoils every kept prefix; templates have
//! a default date), tools.

mod json;

use hob_core::prompt::{Message, Role};
use minijinja::{Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig};

/// Opens and closes a passage that must be read as text. Unicode noncharacters, taken out of messages.
pub(crate) const FENCE: (char, char) = ('\u{FDD0}', '\u{FDD1}');

/// Instructions that a template may run: a hostile one is stopped.
const FUEL: u64 = 5_000_000;

/// A model's way to write a conversation down.
#[derive(Debug)]
pub struct Template {
    source: Option<Environment<'static>>,
    bos: String,
    eos: String,
    /// Control tokens as text, which messages must not spell.
    control: Vec<String>,
}

/// Why a template or a conversation cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub String);

impl Template {
    /// Parses a template; `None` is a base model, which gets the messages as plain text.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] with the line, if it is no Jinja.
    pub fn new(source: Option<String>, bos: String, eos: String, mut control: Vec<String>) -> Result<Self, TemplateError> {
        control.retain(|token| !token.is_empty());
        control.sort_by_key(|token| std::cmp::Reverse(token.len()));
        let source = source
            .filter(|source| !source.trim().is_empty())
            .map(|source| environment(&source))
            .transpose()
            .map_err(|error| explain(&error))?;
        Ok(Self { source, bos, eos, control })
    }

    /// Whether this is a model that chats.
    #[must_use]
    pub fn chats(&self) -> bool {
        self.source.is_some()
    }

    /// Writes the conversation down, up to where the answer begins.
    ///
    /// A template that knows no system role gets the system's message at the head of the user's.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] with the template's own words, if it refuses.
    pub fn render(&self, messages: &[Message]) -> Result<String, TemplateError> {
        let Some(environment) = &self.source else { return Ok(self.plain(messages)) };
        self.write(environment, messages).or_else(|refused| match fold_system(messages) {
            Some(folded) => self.write(environment, &folded).map_err(|_| refused),
            None => Err(refused),
        })
    }

    fn write(&self, environment: &Environment<'static>, messages: &[Message]) -> Result<String, TemplateError> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| context! { role => message.role.as_str(), content => self.fence(&message.content) })
            .collect();
        environment
            .get_template("chat")
            .and_then(|template| {
                template.render(context! {
                    messages, add_generation_prompt => true, bos_token => self.bos.as_str(), eos_token => self.eos.as_str(),
                    tools => (), documents => (),
                })
            })
            .map_err(|error| explain(&error))
    }

    fn plain(&self, messages: &[Message]) -> String {
        join(messages.iter().map(|message| self.fence(&message.content)))
    }

    /// Puts fences around control tokens that a text spells.
    fn fence(&self, text: &str) -> String {
        let text: String = text.chars().filter(|&character| character != FENCE.0 && character != FENCE.1).collect();
        let firsts: Vec<char> = self.control.iter().filter_map(|token| token.chars().next()).collect();
        let mut fenced = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(place) = rest.find(|character| firsts.contains(&character)) {
            let (before, from) = rest.split_at(place);
            fenced.push_str(before);
            let control = self.control.iter().find(|token| from.starts_with(token.as_str()));
            let length = if let Some(token) = control {
                fenced.extend([FENCE.0.to_string().as_str(), token, FENCE.1.to_string().as_str()]);
                token.len()
            } else {
                let first = from.chars().next().map_or(1, char::len_utf8);
                fenced.push_str(from.get(..first).unwrap_or_default());
                first
            };
            rest = from.get(length..).unwrap_or_default();
        }
        fenced.push_str(rest);
        fenced
    }
}

/// jinja2 as transformers set it up: `trim_blocks`, `lstrip_blocks`, `raise_exception`, loop controls, and
/// a `tojson` that escapes nothing for the web.
fn environment(source: &str) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |why: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, why))
    });
    environment.add_filter("tojson", json::dumps);
    environment.add_template_owned("chat", without_generation(source))?;
    Ok(environment)
}

/// transformers mark with `{% generation %}` what a model learns from; it writes nothing.
fn without_generation(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut parts = source.split("{%");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str("{%");
        let tag = part.split("%}").next().unwrap_or_default();
        match tag.trim_matches(|character: char| "-+".contains(character) || character.is_whitespace()) {
            "generation" => plain.push_str(&part.replacen("generation", "if true", 1)),
            "endgeneration" => plain.push_str(&part.replacen("endgeneration", "endif", 1)),
            _ => plain.push_str(part),
        }
    }
    plain
}

/// The system's messages put before the first user's; `None` if there are none, or no user.
fn fold_system(messages: &[Message]) -> Option<Vec<Message>> {
    let (system, mut rest): (Vec<Message>, Vec<Message>) =
        messages.iter().cloned().partition(|message| message.role == Role::System);
    let first = rest.iter_mut().find(|message| message.role == Role::User)?;
    if system.is_empty() {
        return None;
    }
    let question = std::mem::take(&mut first.content);
    first.content = join(system.into_iter().map(|message| message.content).chain([question]));
    Some(rest)
}

/// Passages with a blank line between; empty ones leave none.
fn join(passages: impl Iterator<Item = String>) -> String {
    passages.filter(|passage| !passage.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn explain(error: &Error) -> TemplateError {
    let line = error.line().map_or(String::new(), |line| format!(" (line {line} of the template)"));
    TemplateError(format!("{}{line}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'].strip() + '<|im_end|>' + '\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}";

    fn chatml() -> Template {
        let control = vec!["<|im_start|>".into(), "<|im_end|>".into()];
        Template::new(Some(CHATML.into()), "<s>".into(), "</s>".into(), control).unwrap()
    }

    fn say(role: Role, content: &str) -> Message {
        Message { role, content: content.into() }
    }

    #[test]
    fn a_conversation_is_written_as_the_template_says() {
        let text = chatml().render(&[say(Role::System, "Be brief."), say(Role::User, " Hi ")]).unwrap();
        assert_eq!(text, "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    }

    #[test]
    fn a_control_token_in_a_message_is_fenced() {
        let text = chatml().render(&[say(Role::User, "a<|im_end|>b\u{FDD1}c")]).unwrap();
        assert!(text.contains("a\u{FDD0}<|im_end|>\u{FDD1}bc<|im_end|>"), "{text}");
    }

    #[test]
    fn a_template_without_a_system_role_gets_it_with_the_question() {
        let source = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ messages[0]['content'] }}";
        let template = Template::new(Some(source.into()), String::new(), String::new(), vec![]).unwrap();
        assert_eq!(template.render(&[say(Role::System, "Be brief."), say(Role::User, "Hi")]).unwrap(), "Be brief.\n\nHi");
        let refused = template.render(&[say(Role::System, "only this")]).unwrap_err();
        assert!(refused.0.contains("System role not supported"), "{refused}");
    }

    #[test]
    fn a_base_model_gets_plain_text() {
        let template = Template::new(None, String::new(), String::new(), vec![]).unwrap();
        assert!(!template.chats());
        let messages = [say(Role::System, ""), say(Role::User, "Once upon a time")];
        assert_eq!(template.render(&messages).unwrap(), "Once upon a time", "an empty instruction is none");
    }

    #[test]
    fn json_is_written_as_python_writes_it() {
        let source =
            "{% set it = {'a': [1, 2.5, none], 'b': {'c': messages[0].content}} %}{{ it|tojson }}\n{{ it|tojson(indent=2) }}";
        let template = Template::new(Some(source.into()), String::new(), String::new(), vec![]).unwrap();
        let text = template.render(&[say(Role::User, "é<'&\"\n")]).unwrap();
        let (line, block) = text.split_once('\n').unwrap();
        assert_eq!(line, "{\"a\": [1, 2.5, null], \"b\": {\"c\": \"é<'&\\\"\\n\"}}");
        assert!(block.starts_with("{\n  \"a\": [\n    1,\n    2.5,\n    null\n  ],\n  \"b\": {\n"), "{block}");
    }

    #[test]
    fn what_trainers_mark_is_written_like_the_rest() {
        let source = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration %}{% endfor %}";
        let template = Template::new(Some(source.into()), String::new(), String::new(), vec![]).unwrap();
        assert_eq!(template.render(&[say(Role::User, "Hi")]).unwrap(), "Hi");
    }

    #[test]
    fn a_hostile_template_is_stopped() {
        let source = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        let template = Template::new(Some(source.into()), String::new(), String::new(), vec![]).unwrap();
        assert!(template.render(&[say(Role::User, "Hi")]).is_err());
        assert!(Template::new(Some("{% for %}".into()), String::new(), String::new(), vec![]).is_err());
    }
}
