//! What the KV cache knows already, and where the next prompt goes.
//!
//! ```text
//! prompt ─▶ place: the sequence that shares the longest prefix ─▶ plan: copy or truncate, forget, prefill the rest
//! ```
//!
//! There are more sequences than slots, so that what a finished prompt left (its system prompt, its
//! conversation) stays known until the room is needed. The cache is unified: a copied prefix shares cells.
//!
//! Promises, each held by a property test: a plan never touches a busy sequence but to copy from it; at
//! least one token of the prompt is left to compute; busy prompts and kept ones together never need more
//! than there are cells.
//!
//! Deliberately absent: llama.cpp; the plan is carried out by `llama::steps`.

/// A token, as the model numbers it.
pub(crate) type Token = i32;

/// The sequences of one context.
#[derive(Debug)]
pub(crate) struct Sequences {
    cells: usize,
    /// Whether a prefix can be cut out of a longer one (not so in recurrent models).
    divisible: bool,
    clock: u64,
    all: Vec<Sequence>,
}

#[derive(Debug, Clone, Default)]
struct Sequence {
    tokens: Vec<Token>,
    /// Cells that a busy one may come to need.
    reserved: Option<usize>,
    used: u64,
}

/// What to do to the cache before the prompt is prefilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The sequence that the prompt goes to.
    pub(crate) to: usize,
    /// Tokens at its start that need no computing.
    pub(crate) known: usize,
    /// The sequence whose first `known` tokens are copied, if it is another.
    pub(crate) from: Option<usize>,
    /// Sequences to forget, after the copy.
    pub(crate) forget: Vec<usize>,
}

impl Sequences {
    pub(crate) fn new(count: usize, cells: usize, divisible: bool) -> Self {
        Self { cells, divisible, clock: 0, all: vec![Sequence::default(); count] }
    }

    /// Finds a place for a prompt that may grow to `reserve` tokens, and takes it.
    ///
    /// `None` if every sequence is busy or the busy ones leave no room.
    pub(crate) fn place(&mut self, prompt: &[Token], reserve: usize) -> Option<Plan> {
        let busy: usize = self.all.iter().filter_map(|sequence| sequence.reserved).sum();
        if busy + reserve > self.cells {
            return None;
        }
        let (source, known) = self.longest_prefix(prompt);
        let to = self.destination(source, known)?;
        let from = source.filter(|&source| source != to);
        let forget = self.make_room(to, busy + reserve);

        self.clock += 1;
        let now = self.clock;
        if let Some(source) = from.and_then(|from| self.all.get_mut(from)) {
            source.used = now;
        }
        let place = self.all.get_mut(to)?;
        *place = Sequence { tokens: prompt.get(..known).unwrap_or_default().to_vec(), reserved: Some(reserve), used: now };
        Some(Plan { to, known, from, forget })
    }

    /// Notes that these tokens are in the cache now.
    pub(crate) fn grow(&mut self, sequence: usize, tokens: &[Token]) {
        if let Some(sequence) = self.all.get_mut(sequence) {
            sequence.tokens.extend_from_slice(tokens);
        }
    }

    /// The prompt is done; what it left stays known.
    pub(crate) fn release(&mut self, sequence: usize) {
        if let Some(sequence) = self.all.get_mut(sequence) {
            sequence.reserved = None;
        }
    }

    /// Nothing of it is known any more.
    pub(crate) fn forget(&mut self, sequence: usize) {
        if let Some(sequence) = self.all.get_mut(sequence) {
            sequence.tokens.clear();
        }
    }

    /// Nothing at all is known any more.
    pub(crate) fn forget_all(&mut self) {
        for sequence in &mut self.all {
            sequence.tokens.clear();
        }
    }

    /// How many tokens of a sequence are in the cache.
    pub(crate) fn len(&self, sequence: usize) -> usize {
        self.all.get(sequence).map_or(0, |sequence| sequence.tokens.len())
    }

    /// The sequence that shares most of the prompt; at least one token is left to compute.
    fn longest_prefix(&self, prompt: &[Token]) -> (Option<usize>, usize) {
        let limit = prompt.len().saturating_sub(1);
        let shared = |sequence: &Sequence| {
            let same = sequence.tokens.iter().zip(prompt).take(limit).take_while(|(a, b)| a == b).count();
            // A recurrent state is all or nothing, and cannot be read while it goes on.
            let whole = same == sequence.tokens.len() && sequence.reserved.is_none();
            if self.divisible || whole { same } else { 0 }
        };
        let best = self.all.iter().map(shared).enumerate().max_by_key(|&(place, same)| (same, std::cmp::Reverse(place)));
        best.filter(|&(_, same)| same > 0).map_or((None, 0), |(place, same)| (Some(place), same))
    }

    /// Where to put it: onto the source if that loses nothing, else onto the idle one used longest ago.
    fn destination(&self, source: Option<usize>, known: usize) -> Option<usize> {
        let idle = |place: usize| self.all.get(place).is_some_and(|sequence| sequence.reserved.is_none());
        if let Some(source) = source.filter(|&source| idle(source) && (known == self.len(source) || !self.divisible)) {
            return Some(source);
        }
        let others = (0..self.all.len()).filter(|&place| idle(place) && Some(place) != source);
        let oldest = others.min_by_key(|&place| self.all.get(place).map_or(0, |sequence| sequence.used));
        oldest.or(source.filter(|&source| idle(source)))
    }

    /// Forgets idle sequences, the one used longest ago first, until `needed` cells are free of them.
    fn make_room(&mut self, keep: usize, needed: usize) -> Vec<usize> {
        let mut forgotten = Vec::new();
        loop {
            let idle = |(place, sequence): &(usize, &Sequence)| {
                *place != keep && sequence.reserved.is_none() && !sequence.tokens.is_empty()
            };
            let kept: usize = self.all.iter().enumerate().filter(idle).map(|(_, sequence)| sequence.tokens.len()).sum();
            let oldest =
                self.all.iter().enumerate().filter(idle).min_by_key(|(_, sequence)| sequence.used).map(|(place, _)| place);
            match oldest {
                Some(oldest) if kept + needed > self.cells => {
                    self.forget(oldest);
                    forgotten.push(oldest);
                }
                _ => return forgotten,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(range: std::ops::Range<i32>) -> Vec<Token> {
        range.collect()
    }

    /// A prompt that was placed, computed and answered.
    fn finished(sequences: &mut Sequences, prompt: &[Token]) -> Plan {
        let plan = sequences.place(prompt, prompt.len() + 4).unwrap();
        sequences.grow(plan.to, &prompt[plan.known..]);
        sequences.release(plan.to);
        plan
    }

    #[test]
    fn a_system_prompt_is_known_to_every_later_prompt() {
        let mut sequences = Sequences::new(4, 1_000, true);
        let ask = |question: i32| [tokens(0..50), vec![question, question + 1]].concat();
        assert_eq!(finished(&mut sequences, &ask(100)).known, 0);
        let second = sequences.place(&ask(200), 60).unwrap();
        assert_eq!((second.known, second.from), (50, Some(0)), "copied, for the first conversation may go on");
        let third = sequences.place(&ask(300), 60).unwrap();
        assert_eq!(third.known, 50, "also while another decodes");
    }

    #[test]
    fn a_conversation_goes_on_where_it_stopped() {
        let mut sequences = Sequences::new(4, 1_000, true);
        let first = finished(&mut sequences, &tokens(0..40));
        let second = finished(&mut sequences, &tokens(0..90));
        assert_eq!((second.to, second.known, second.from), (first.to, 40, None));
    }

    #[test]
    fn the_same_prompt_again_computes_only_its_last_token() {
        let mut sequences = Sequences::new(4, 1_000, true);
        finished(&mut sequences, &tokens(0..40));
        assert_eq!(finished(&mut sequences, &tokens(0..40)).known, 39);
    }

    #[test]
    fn what_was_used_longest_ago_is_forgotten_first() {
        let mut sequences = Sequences::new(8, 100, true);
        finished(&mut sequences, &tokens(0..30));
        finished(&mut sequences, &tokens(100..130));
        assert_eq!(finished(&mut sequences, &tokens(200..260)).forget, [0]);
        assert_eq!(finished(&mut sequences, &tokens(100..131)).known, 30);
    }

    #[test]
    fn a_recurrent_model_keeps_a_prefix_only_whole() {
        let mut sequences = Sequences::new(4, 1_000, false);
        finished(&mut sequences, &tokens(0..40));
        assert_eq!(finished(&mut sequences, &tokens(0..60)).known, 40, "it goes on");
        assert_eq!(finished(&mut sequences, &tokens(0..50)).known, 0, "but cannot go back");
    }

    proptest! {
        #[test]
        fn plans_keep_their_promises(
            doings in prop::collection::vec((0..4_usize, 0..3_i32, 1..40_usize, 0..20_usize), 1..200),
            divisible: bool,
        ) {
            let (slots, context) = (3, 64);
            let mut sequences = Sequences::new(6, slots * context, divisible);
            // A model of the cache: what each sequence really holds.
            let mut cache: Vec<Vec<Token>> = vec![Vec::new(); 6];
            let mut busy: Vec<usize> = Vec::new();
            for (doing, kind, length, answer) in doings {
                if doing == 0 || busy.len() == slots {
                    if !busy.is_empty() {
                        sequences.release(busy.remove(length % busy.len()));
                    }
                    continue;
                }
                let prompt: Vec<Token> = (0..length).map(|at| if at < 10 { 7 } else { kind * 100 + i32::try_from(at).unwrap() }).collect();
                let plan = sequences.place(&prompt, length + answer).expect("there is room for every slot");
                prop_assert!(!busy.contains(&plan.to) && plan.forget.iter().all(|place| !busy.contains(place) && *place != plan.to));
                prop_assert!(plan.known < prompt.len());
                if let Some(from) = plan.from {
                    cache[plan.to] = cache[from].clone();
                }
                cache[plan.to].truncate(plan.known);
                prop_assert_eq!(&cache[plan.to], &prompt[..plan.known], "what is called known is really there");
                for &place in &plan.forget {
                    cache[place].clear();
                }
                let rest: Vec<Token> = prompt[plan.known..].iter().copied().chain((0..answer).map(|_| 5)).collect();
                sequences.grow(plan.to, &rest);
                cache[plan.to].extend(&rest);
                busy.push(plan.to);
                prop_assert!(cache.iter().map(Vec::len).sum::<usize>() <= slots * context, "never more than there are cells");
            }
        }
    }
}
