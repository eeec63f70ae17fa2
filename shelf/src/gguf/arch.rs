//! The architectures that the llama.cpp inside `llama-cpp-sys-2` 0.1.161 can load (`llama-arch.cpp`,
//! without `clip`, which only its quantizer knows). A file of any other one is refused before it
//! gets near the C++. Another version of the crate needs this list made anew.

/// Sorted by name.
#[rustfmt::skip]
const KNOWN: [&str; 153] = [
    "afmoe", "apertus", "arcee", "arctic", "arwkv7", "baichuan", "bailingmoe", "bailingmoe2", "bailingmoe3", "bert",
    "bitnet", "bloom", "chameleon", "chatglm", "clef", "codeshell", "cogvlm", "cohere2", "cohere2moe", "command-r",
    "dbrx", "deci", "deepseek", "deepseek2", "deepseek2-ocr", "deepseek32", "deepseek4", "dflash", "dots1",
    "dots3note", "dream", "eagle3", "ernie4_5", "ernie4_5-moe", "eurobert", "exaone", "exaone-moe", "exaone4",
    "falcon", "falcon-h1", "gemma", "gemma-embedding", "gemma2", "gemma3", "gemma3n", "gemma4", "gemma4-assistant",
    "glm-dsa", "glm4", "glm4moe", "glm5-next", "gpt-oss", "gpt2", "gptj", "gptneox", "granite", "granite_swa",
    "granitehybrid", "granitemoe", "graniteswitch", "grok", "grovemoe", "hrm_text", "hunyuan-dense", "hunyuan-moe",
    "hunyuan_vl", "hy_v3", "hy_v4", "internlm2", "jais", "jais2", "jamba", "jina-bert-v2", "jina-bert-v3",
    "kimi-k3", "kimi-linear", "laguna", "lfm2", "lfm2moe", "llada", "llada-moe", "llama", "llama-embed", "llama4",
    "maincoder", "mamba", "mamba2", "maple", "mellum", "mimo2", "minicpm", "minicpm3", "minimax-01", "minimax-m2",
    "minimax-m3", "mistral3", "mistral4", "modern-bert", "mpt", "muse-glimmer", "nanbeige", "nemotron",
    "nemotron_h", "nemotron_h_moe", "neo-bert", "nomic-bert", "nomic-bert-moe", "olmo", "olmo2", "olmoe", "openelm",
    "orion", "paddleocr", "pangu-embedded", "phi2", "phi3", "phimoe", "plamo", "plamo2", "plamo3", "plm",
    "pockettts", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen35", "qwen35moe", "qwen3moe", "qwen3next",
    "qwen3tts", "qwen3vl", "qwen3vlmoe", "qwen4exp", "refact", "rnd1", "rwkv6", "rwkv6qwen2", "rwkv7", "seed_oss",
    "smallthinker", "smollm3", "spark2_5", "stablelm", "starcoder", "starcoder2", "step35", "t5", "t5encoder",
    "talkie", "wavtokenizer-dec", "xverse",
];

/// Whether this llama.cpp has code for `architecture`.
#[must_use]
pub fn is_known(architecture: &str) -> bool {
    KNOWN.binary_search(&architecture).is_ok()
}

/// Whether models of `architecture` read the whole text at once and give vectors, not tokens.
#[must_use]
pub fn only_embeds(architecture: &str) -> bool {
    const ENCODERS: [&str; 11] = [
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    ];
    ENCODERS.contains(&architecture)
}

/// What `architecture` is instead of a whole language model, if it is something else.
pub(super) fn not_a_language_model(architecture: &str) -> Option<&'static str> {
    match architecture {
        "clip" => Some("it holds the image or audio part of a model, not a language model"),
        "eagle3" | "dflash" | "gemma4-assistant" => Some("it holds a draft head, which needs its big model"),
        "wavtokenizer-dec" | "qwen3tts" | "pockettts" => Some("it holds a voice, not a language model"),
        _ => None,
    }
}
