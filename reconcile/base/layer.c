/* A program of one whole layer and those below it: that it links is the test (meson.build). */
int main(void)
{
	return 0;
}
