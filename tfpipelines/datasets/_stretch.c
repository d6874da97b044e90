/* Stretches an image to a size by the weights of `stretching._spans`: what `resized_by_numpy` does, and TensorFlow's
kernel ScaleAndTranslate, with the same products and sums in the same order in float32, so with the same bits. Nothing may
be contracted to fused multiply-adds: setup.py says so to the compiler.

An output row is made of the weighted sum of input rows, float32 (width * channels), and that of its columns. Beside the
two images it takes memory for one such row. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))
#endif

typedef struct {
    Py_ssize_t given, made, taps; /* lengths, and weights of each output place */
    const int32_t *starts;        /* first input place of each output place */
    const float *weights;
} Spans;

/* round(x) with halves to even, for 0 <= x < 2^22: adding 1.5 * 2^23 leaves no bit for a fraction. */
static inline uint8_t rounded(float x) {
    float shifted = x + 12582912.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (uint8_t)bits;
}

/* sums[i] = sum of weights[tap] * rows[tap * length + i] */
static void sum_rows(const uint8_t *rows, const float *weights, Py_ssize_t taps, Py_ssize_t length, Py_ssize_t from,
                     float *sums) {
    for (Py_ssize_t i = from; i < length; i++) sums[i] = 0;
    for (Py_ssize_t tap = 0; tap < taps; tap++)
        for (Py_ssize_t i = from; i < length; i++) sums[i] += weights[tap] * (float)rows[tap * length + i];
}

/* output[x] = sum of weights[x][tap] * row[starts[x] + tap]. Behind its pixels the row has zeros for as many as there are
taps. */
static void sum_columns(const float *row, const Spans *wide, Py_ssize_t channels, Py_ssize_t from, uint8_t *output) {
    for (Py_ssize_t x = from; x < wide->made; x++) {
        const float *given = row + wide->starts[x] * channels, *weights = wide->weights + x * wide->taps;
        for (Py_ssize_t channel = 0; channel < channels; channel++) {
            float sum = 0;
            for (Py_ssize_t tap = 0; tap < wide->taps; tap++) sum += weights[tap] * given[tap * channels + channel];
            output[x * channels + channel] = rounded(sum);
        }
    }
}

#ifdef AVX2

AVX2 static inline __m256 eight_levels(const uint8_t *levels) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)levels)));
}

/* As `sum_rows`, 32 numbers at a time; gives how many. */
AVX2 static Py_ssize_t sum_rows_by_32(const uint8_t *rows, const float *weights, Py_ssize_t taps, Py_ssize_t length,
                                      float *sums) {
    Py_ssize_t i = 0;
    for (; i + 32 <= length; i += 32) {
        __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
        const uint8_t *given = rows + i;
        for (Py_ssize_t tap = 0; tap < taps; tap++, given += length) {
            __m256 weight = _mm256_set1_ps(weights[tap]);
            a = _mm256_add_ps(a, _mm256_mul_ps(weight, eight_levels(given)));
            b = _mm256_add_ps(b, _mm256_mul_ps(weight, eight_levels(given + 8)));
            c = _mm256_add_ps(c, _mm256_mul_ps(weight, eight_levels(given + 16)));
            d = _mm256_add_ps(d, _mm256_mul_ps(weight, eight_levels(given + 24)));
        }
        _mm256_storeu_ps(sums + i, a);
        _mm256_storeu_ps(sums + i + 8, b);
        _mm256_storeu_ps(sums + i + 16, c);
        _mm256_storeu_ps(sums + i + 24, d);
    }
    return i;
}

/* As `sum_columns` of three channels, which are summed as four, four pixels at a time; gives how many. */
AVX2 static Py_ssize_t sum_columns_by_4(const float *row, const Spans *wide, uint8_t *output) {
    const __m128i three_of_four = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    Py_ssize_t x = 0, taps = wide->taps;
    for (; x + 4 <= wide->made; x += 4) {
        const float *given[4], *weights = wide->weights + x * taps;
        __m128 sums[4];
        for (int i = 0; i < 4; i++) {
            given[i] = row + wide->starts[x + i] * 3;
            sums[i] = _mm_setzero_ps();
        }
        for (Py_ssize_t tap = 0; tap < taps; tap++)
            for (int i = 0; i < 4; i++)
                sums[i] = _mm_add_ps(
                    sums[i], _mm_mul_ps(_mm_set1_ps(weights[i * taps + tap]), _mm_loadu_ps(given[i] + 3 * tap)));
        __m128i left = _mm_packs_epi32(_mm_cvtps_epi32(sums[0]), _mm_cvtps_epi32(sums[1]));
        __m128i right = _mm_packs_epi32(_mm_cvtps_epi32(sums[2]), _mm_cvtps_epi32(sums[3]));
        uint8_t bytes[16];
        _mm_storeu_si128((__m128i *)bytes, _mm_shuffle_epi8(_mm_packus_epi16(left, right), three_of_four));
        memcpy(output + x * 3, bytes, 12);
    }
    return x;
}

#endif

static void stretch_all(const uint8_t *image, const Spans *high, const Spans *wide, Py_ssize_t channels, float *row,
                        uint8_t *output) {
    Py_ssize_t length = wide->given * channels;
#ifdef AVX2
    int avx2 = __builtin_cpu_supports("avx2");
#endif
    for (Py_ssize_t y = 0; y < high->made; y++, output += wide->made * channels) {
        Py_ssize_t start = high->starts[y], rows_done = 0, columns_done = 0;
        Py_ssize_t taps = high->taps < high->given - start ? high->taps : high->given - start;
        const uint8_t *rows = image + start * length;
        const float *weights = high->weights + y * high->taps;
#ifdef AVX2
        if (avx2) rows_done = sum_rows_by_32(rows, weights, taps, length, row);
#endif
        sum_rows(rows, weights, taps, length, rows_done, row);
#ifdef AVX2
        if (avx2 && channels == 3) columns_done = sum_columns_by_4(row, wide, output);
#endif
        sum_columns(row, wide, channels, columns_done, output);
    }
}

/* Whether they fit into their buffers and lead to no place outside of the image. */
static int fits(const Spans *spans, const Py_buffer *starts, const Py_buffer *weights) {
    if (spans->made < 1 || spans->given < 1 || starts->len != spans->made * (Py_ssize_t)sizeof(int32_t)) return 0;
    if (weights->len <= 0 || weights->len % (spans->made * (Py_ssize_t)sizeof(float))) return 0;
    for (Py_ssize_t i = 0; i < spans->made; i++)
        if (spans->starts[i] < 0 || spans->starts[i] >= spans->given) return 0;
    return 1;
}

static PyObject *stretch(PyObject *module, PyObject *arguments) {
    Py_buffer image, output, starts[2], weights[2];
    Py_ssize_t channels;
    Spans spans[2]; /* of rows, of columns */
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*(nn)w*(nn)ny*y*y*y*", &image, &spans[0].given, &spans[1].given, &output,
                          &spans[0].made, &spans[1].made, &channels, &starts[0], &weights[0], &starts[1], &weights[1]))
        return NULL;
    int right = channels == 1 || channels == 3;
    for (int i = 0; i < 2 && right; i++) {
        spans[i].starts = starts[i].buf;
        spans[i].weights = weights[i].buf;
        right = fits(&spans[i], &starts[i], &weights[i]);
        spans[i].taps = right ? weights[i].len / (spans[i].made * (Py_ssize_t)sizeof(float)) : 0;
    }
    if (!right || image.len != spans[0].given * spans[1].given * channels ||
        output.len != spans[0].made * spans[1].made * channels) {
        PyErr_SetString(PyExc_ValueError, "buffers of another size than the shapes say");
    } else {
        size_t length = (size_t)((spans[1].given + spans[1].taps) * channels) + 1; /* and the fourth of the last three */
        float *row = calloc(length, sizeof(float));
        if (row == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS
            stretch_all(image.buf, &spans[0], &spans[1], channels, row, output.buf);
            Py_END_ALLOW_THREADS
            free(row);
            result = Py_NewRef(Py_None);
        }
    }
    PyBuffer_Release(&image);
    PyBuffer_Release(&output);
    for (int i = 0; i < 2; i++) {
        PyBuffer_Release(&starts[i]);
        PyBuffer_Release(&weights[i]);
    }
    return result;
}

static PyMethodDef methods[] = {
    {"stretch", stretch, METH_VARARGS,
     "stretch(image, (height, width), output, (height, width), channels, starts, weights, starts, weights): fills `output` "
     "with `image`; both are uint8 (height, width, channels), starts int32 and weights float32, of rows, then of columns."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_stretch", .m_methods = methods,
                                        .m_slots = slots};

PyMODINIT_FUNC PyInit__stretch(void) { return PyModuleDef_Init(&definition); }
