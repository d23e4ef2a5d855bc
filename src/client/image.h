// How long a module image is: programs hand over a pointer only. Sources: nvcc's fatbinary_section.h for the wrapper (magic, version, data,
// fatbins), measured containers for the rest.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "base/content_hash.h"

namespace client {

struct ImagePart { const void* p; uint64_t bytes; };

// What the worker keeps of earlier loads, this program's and others'. Told at the session's start, and added to by each load. Any thread.
struct ImageKey { base::Digest name, tag; };           // see worker/image_store.h
void learn_kept_images(const uint8_t* told, size_t bytes);   // the session's key, then names
ImageKey key_of(const ImagePart& part);
bool image_kept(const ImageKey& key);
void note_kept(const ImageKey& key, bool kept);

// The containers, ELF or PTX behind what a Load call was given. Version 2 of the wrapper (-rdc=true) names several containers that are linked
// together: all of them are returned. False: nothing that we know (INVALID_IMAGE).
bool is_wrapper(const void* image);
bool image_parts(const void* image, std::vector<ImagePart>* parts);

}  // namespace client
