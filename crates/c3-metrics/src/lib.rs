//! Caption metrics: BLEU, ROUGE-L, CIDEr.
