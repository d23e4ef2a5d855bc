"""Writes the weights of a small GPT for ../gpt.cu: always the same ones, from Python's standard library alone.

Nobody trained it, yet it babbles words: letters have orthogonal embeddings, and the head maps each of them to the logarithms of what
followed it in the text below. The layers between are random and small: they disturb, as layers of a trained model would steer.
    make_weights.py OUT"""
import array, math, random, sys

LAYERS, WIDTH, VOCABULARY, CONTEXT = 4, 128, 256, 64
TEXT = """the worker reads a call and the driver runs a kernel. a kernel adds numbers, sorts numbers, counts the stars, and waits for nobody.
the client sends what the program asks, and the answer comes back over the wire. when the answer is there, the program goes on.
some threads meet at a barrier, others race for a lock, and all of them come home in the end. the rest is memory."""

rng = random.Random(2024)


def gauss(count, scale):
    return [rng.gauss(0, scale) for _ in range(count)]


def orthogonal(letters):
    """Unit vectors without a mean (a layer norm takes the mean away), each at a right angle to those before."""
    basis = [[1 / math.sqrt(WIDTH)] * WIDTH]
    for _ in letters:
        vector = gauss(WIDTH, 1)
        for other in basis:
            dot = sum(a * b for a, b in zip(vector, other))
            vector = [a - dot * b for a, b in zip(vector, other)]
        length = math.sqrt(sum(a * a for a in vector))
        basis.append([a / length for a in vector])
    return dict(zip(letters, basis[1:]))


def main():
    text = TEXT.replace("\n", " ").encode()
    codes = orthogonal(sorted(set(text)))
    follows = {letter: {} for letter in codes}
    for a, b in zip(text, text[1:]):
        follows[a][b] = follows[a].get(b, 0) + 1

    embedding = gauss(VOCABULARY * WIDTH, 0.05)
    for letter, code in codes.items():
        embedding[letter * WIDTH:(letter + 1) * WIDTH] = [8 * a for a in code]
    head = [0.0] * (VOCABULARY * WIDTH)
    for letter, code in codes.items():
        for after, count in follows[letter].items():
            strength = 2 * (math.log(count) + 3) / math.sqrt(WIDTH)
            for k, a in enumerate(code):
                head[after * WIDTH + k] += strength * a

    out = array.array("f", embedding + gauss(CONTEXT * WIDTH, 0.05))
    for _ in range(LAYERS):
        for rows, columns in ((1, WIDTH), (3 * WIDTH, WIDTH), (WIDTH, WIDTH), (1, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH)):
            out.extend([1 + g for g in gauss(columns, 0.1)] if rows == 1 else gauss(rows * columns, 0.6 / math.sqrt(columns)))
    out.extend([1.0] * WIDTH)
    out.extend(head)
    with open(sys.argv[1], "wb") as file:
        out.tofile(file)


main()
