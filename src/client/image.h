// How long a module image is: programs hand over a pointer only. Sources: nvcc's fatbinary_section.h for the wrapper (magic, version, data,
// fatbins), measured containers for the rest.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace client {

struct ImagePart { const void* p; uint64_t bytes; };

// The containers, ELF or PTX behind what a Load call was given. Version 2 of the wrapper (-rdc=true) names several containers that are linked
// together: all of them are returned. False: nothing that we know (INVALID_IMAGE).
bool is_wrapper(const void* image);
bool image_parts(const void* image, std::vector<ImagePart>* parts);

}  // namespace client
