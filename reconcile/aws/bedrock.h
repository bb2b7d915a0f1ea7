/*
 * bedrock.h - the embedding model that turns a question into a vector.
 */
#ifndef TRUEUP_AWS_BEDROCK_H
#define TRUEUP_AWS_BEDROCK_H

#include "aws/client.h"

/* The characters that Cohere's models take of a text. */
#define BEDROCK_TEXT_MAX 2048

/*
 * The embedding of a question (backend/app/bedrock.py of Bedrock Chat: Cohere's
 * models, input_type search_query) as pgvector reads it: "[0.1,-0.2,…]", in the
 * arena; `dimension`: how many numbers. model: its id or the ARN of a profile.
 * text: not empty, at most BEDROCK_TEXT_MAX characters of UTF-8. ERROR_DENIED
 * also where the account has no access to the model.
 */
int bedrock_embed_question(struct aws *aws, struct arena *arena, const char *model, const char *text,
                           const char **embedding, size_t *dimension, struct error *err);

#endif
