// Runs in the browser, inside the live page: the tests look through these.
globalThis.pageChecks = {
  /** Texts whose contrast is below 4.5 : 1 (WCAG 2.2, 1.4.3). */
  faintTexts() {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    // Colours of any notation, painted over one another, as linear light.
    const luminance = (colours) => {
      context.clearRect(0, 0, 1, 1);
      for (const colour of colours) {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
      }
      const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll('body *')].flatMap((element) => {
      const text = [...element.childNodes].find((node) => node.nodeType === 3 && node.textContent.trim() !== '');
      if (text === undefined || element.getBoundingClientRect().width < 2) return [];
      const behind = [];
      for (let each = element; each !== null; each = each.parentElement) {
        behind.unshift(getComputedStyle(each).backgroundColor);
      }
      const [a, b] = [luminance(behind), luminance([...behind, getComputedStyle(element).color])];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return contrast < 4.5 ? [`${text.textContent}: ${contrast.toFixed(2)}`] : [];
    });
  },

  /** Buttons and fields that a screen reader would have no name for, and ids that are there twice. */
  namelessControls() {
    const nameless = [...document.querySelectorAll('button, input')].filter(
      (control) => control.textContent.trim() === '' && !control.labels?.length && !control.hasAttribute('aria-label'),
    );
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    return [...nameless.map(({ outerHTML }) => outerHTML), ...ids.filter((id, index) => ids.indexOf(id) !== index)];
  },

  /** What a hole in the page would let somebody do. */
  addInlineScript() {
    const script = document.createElement('script');
    try {
      script.textContent = 'window.caught = 3';
      document.head.append(script);
    } catch (error) {
      document.title = error.name;
    }
  },
};
